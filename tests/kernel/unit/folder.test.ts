// Folders made where commands write.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { makeFolder } from "../../../lib/deploy/folder.node.ts";
import { skipBecause } from "../../../scripts/skip.ts";

describe("makeFolder", () => {
  let scratch = "";
  before(() => {
    scratch = mkdtempSync(path.join(tmpdir(), "folder-"));
  });
  after(() => rmSync(scratch, { recursive: true }));

  it("makes what is missing, and is content with what is there", () => {
    const deep = path.join(scratch, "a", "b", "c");
    for (let k = 0; k < 2; k++) {
      makeFolder(deep);
      assert(statSync(deep).isDirectory());
    }
  });
  it("says which part of the path is a file", () => {
    const file = path.join(scratch, "file");
    writeFileSync(file, "");
    for (const folder of [file, path.join(file, "below")])
      assert.throws(() => makeFolder(folder), { message: `${file} is a file, not a folder` });
  });
  it("ends where the file system makes no folders", function () {
    if (!existsSync("/proc/self")) skipBecause(this, "no folder of this system refuses others like /proc");
    assert.throws(() => makeFolder("/proc/x/share/jupyter"), {
      message: "/proc/x: no folder can be made in /proc",
    });
  });
});
