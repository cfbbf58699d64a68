// JupyterLab's ContentsManager with our server and with jupyter_server: the same results.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Contents, ContentsManager, ServerConnection } from "@jupyterlab/services";
import { bothServers, outcome } from "../support/both.ts";
import type { RunningServer } from "../support/workbench.ts";

const source = ["# A title\n", "with two lines"];
const notebook = {
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { name: "tilewright", display_name: "TypeScript" }, language_info: { name: "x" } },
  cells: [
    { cell_type: "markdown", id: "a", metadata: { tags: ["t"] }, source: source.join("") },
    {
      cell_type: "code",
      id: "b",
      metadata: { trusted: true },
      source: "1 + 1\n",
      execution_count: 3,
      outputs: [
        { output_type: "stream", name: "stdout", text: "a\nb\n" },
        {
          output_type: "execute_result",
          execution_count: 3,
          metadata: {},
          data: {
            "text/plain": "2\nnewline ä",
            "text/html": "<b>\n2</b>",
            "application/json": { z: 1, a: [2] },
          },
        },
        { output_type: "error", ename: "E", evalue: "v", traceback: ["one", "two"] },
      ],
    },
  ],
};

describe("compat: contents, with our server and with jupyter_server", function () {
  this.timeout(60_000);
  const same = bothServers();
  const manager = ({ settings }: RunningServer) => new ContentsManager({ serverSettings: settings });

  /** A model without what differs from one moment to the next. */
  const told = (model: Contents.IModel | { status: number }) => {
    if ("status" in model) return model;
    const { created, last_modified, size, ...rest } = model;
    for (const date of [created, last_modified]) assert.ok(Date.now() - Date.parse(date) < 60_000, date);
    return { ...rest, hasSize: typeof size === "number" };
  };
  const listing = (model: Contents.IModel) =>
    (model.content as Contents.IModel[])
      .map(({ name, type, path: where, content }) => ({ name, type, where, content }))
      .sort((a, b) => a.name.localeCompare(b.name));

  it("new files, notebooks and folders get the same names", async () => {
    const names = await same(async (server) => {
      const contents = manager(server);
      const made = [];
      for (const type of ["notebook", "file", "directory"] as const) {
        for (let i = 0; i < 3; i++) made.push(told(await contents.newUntitled({ type, path: "" })));
      }
      made.push(told(await contents.newUntitled({ type: "file", ext: ".md", path: "Untitled Folder" })));
      made.push(await outcome(contents.newUntitled({ type: "file", path: "no such folder" })));
      return {
        made,
        listed: listing(await contents.get("")),
        folder: told(await contents.get("", { content: false })),
      };
    });
    assert.equal(names.listed.length, 9);
  });

  it("a notebook is saved to the same bytes, and read back the same", async () => {
    const { text, read } = await same(async (server) => {
      const contents = manager(server);
      const saved = await contents.save("deep.ipynb", {
        type: "notebook",
        format: "json",
        content: notebook,
      });
      const read = await contents.get("deep.ipynb");
      const text = readFileSync(path.join(server.folder, "deep.ipynb"), "utf8");
      const stale = told(await contents.get("deep.ipynb", { content: false }));
      return {
        saved: told(saved),
        read: told(read),
        text,
        stale,
        checkpoints: (await contents.listCheckpoints("deep.ipynb")).length,
      };
    });
    assert.ok(!("status" in read));
    assert.deepEqual(read.content.cells[0].source, source.join(""));
    assert.deepEqual(JSON.parse(text).cells[0].source, source);
  });

  it("a notebook's outputs are trusted where its own reader made them", async () => {
    const trusted = await same(async (server) => {
      const contents = manager(server);
      const flags = [];
      const cell = (trust: boolean) => ({
        ...notebook,
        cells: notebook.cells.map((one) =>
          one.cell_type === "code" ? { ...one, metadata: { trusted: trust } } : one,
        ),
      });
      for (const trust of [false, true]) {
        await contents.save("trust.ipynb", { type: "notebook", format: "json", content: cell(trust) });
        flags.push((await contents.get("trust.ipynb")).content.cells[1].metadata.trusted);
      }
      // From elsewhere: the same cells with another output.
      const text = readFileSync(path.join(server.folder, "trust.ipynb"), "utf8");
      writeFileSync(path.join(server.folder, "sent.ipynb"), text.replace("<b>", "<script>"));
      flags.push((await contents.get("sent.ipynb")).content.cells[1].metadata.trusted);
      return flags;
    });
    assert.deepEqual(trusted.slice(1), [true, false]);
  });

  it("text and bytes keep what they are", async () => {
    const { bytes } = await same(async (server) => {
      const contents = manager(server);
      const save = (name: string, format: Contents.FileFormat, content: string) =>
        contents.save(name, { type: "file", format, content });
      const saved = [
        await save("text.txt", "text", "ä\nb"),
        await save("page.html", "text", "<p>"),
        await save(
          "blob",
          "base64",
          Buffer.from(Array.from({ length: 100 }, (_, i) => i * 2)).toString("base64"),
        ),
        await save("image.png", "base64", Buffer.from("PNG").toString("base64")),
      ].map(told);
      const read = [];
      for (const [name, options] of [
        ["text.txt", {}],
        ["text.txt", { format: "base64" }],
        ["text.txt", { type: "file", format: "text" }],
        ["blob", {}],
        ["blob", { format: "base64" }],
        ["blob", { format: "text" }],
        ["image.png", {}],
        ["page.html", {}],
        ["text.txt", { type: "directory" }],
        ["Untitled Folder", { type: "file" }],
        ["text.txt", { type: "notebook" }],
        ["no such.txt", {}],
        [".hidden", {}],
      ] as [string, Contents.IFetchOptions][]) {
        const model = await outcome(contents.get(name, options));
        read.push({ name, options, ...told(model) });
      }
      return { saved, read, bytes: readFileSync(path.join(server.folder, "blob")).toString("hex") };
    });
    assert.match(bytes, /^00020406/);
  });

  it("files are renamed, moved, copied and deleted alike", async () => {
    await same(async (server) => {
      const contents = manager(server);
      const done: unknown[] = [];
      const note = async (call: Promise<Contents.IModel>) => done.push(told(await outcome(call)));
      await contents.save("one.txt", { type: "file", format: "text", content: "1" });
      await contents.save("dotted.a.ipynb", { type: "notebook", format: "json", content: notebook });
      await contents.save("archive.tar.gz", { type: "file", format: "text", content: "" });
      await contents.save("folder", { type: "directory" });
      await note(contents.rename("one.txt", "two.txt"));
      await note(contents.rename("two.txt", "folder/three.txt"));
      await note(contents.rename("dotted.a.ipynb", "folder/three.txt"));
      await note(contents.rename("folder", "renamed"));
      for (const from of ["renamed/three.txt", "dotted.a.ipynb", "archive.tar.gz"]) {
        for (let i = 0; i < 2; i++) await note(contents.copy(from, ""));
        await note(contents.copy(from, "renamed"));
      }
      await note(contents.copy("dotted.a-Copy1.ipynb", ""));
      await note(contents.copy("renamed", ""));
      await note(contents.copy("missing.txt", ""));
      done.push(
        await outcome(contents.delete("dotted.a.ipynb")),
        await outcome(contents.delete("dotted.a.ipynb")),
      );
      done.push(await outcome(contents.delete("renamed")));
      done.push(listing(await contents.get("")).map(({ name }) => name));
      return done;
    });
  });

  it("checkpoints are made, listed, restored and deleted alike", async () => {
    const texts = await same(async (server) => {
      const contents = manager(server);
      const seen: unknown[] = [];
      const save = (content: string) => contents.save("kept.txt", { type: "file", format: "text", content });
      await save("old");
      seen.push((await contents.listCheckpoints("kept.txt")).length);
      const { id } = await contents.createCheckpoint("kept.txt");
      await save("new");
      await contents.restoreCheckpoint("kept.txt", id);
      seen.push(id, (await contents.get("kept.txt")).content);
      await contents.rename("kept.txt", "moved.txt");
      seen.push((await contents.listCheckpoints("moved.txt")).map((one) => one.id));
      await contents.deleteCheckpoint("moved.txt", id);
      seen.push(await contents.listCheckpoints("moved.txt"));
      // jupyter_server answers 500.
      await assert.rejects(contents.restoreCheckpoint("moved.txt", id), ServerConnection.ResponseError);
      seen.push(await outcome(contents.deleteCheckpoint("moved.txt", "other")));
      return seen;
    });
    assert.ok(texts.includes("old") && !texts.includes("new"));
  });

  it("files are downloaded alike", async () => {
    await same(async (server) => {
      const contents = manager(server);
      mkdirSync(path.join(server.folder, "sub folder"), { recursive: true });
      const name = "sub folder/ä#?.svg";
      writeFileSync(path.join(server.folder, name), "<svg/>");
      const url = await contents.getDownloadUrl(name);
      const response = await ServerConnection.makeRequest(url, {}, server.settings);
      return {
        path: new URL(url).pathname,
        status: response.status,
        type: response.headers.get("content-type"),
        text: await response.text(),
      };
    });
  });

  it("bad requests are refused with the same status, and a reason as Jupyter gives it", async () => {
    const refused = await same(async (server) => {
      const seen = [];
      await manager(server).save("there.txt", { type: "file", format: "text", content: "" });
      for (const [method, at, body] of [
        ["GET", "there.txt?type=nothing", undefined],
        ["GET", "there.txt?format=nothing", undefined],
        ["GET", "there.txt?content=7", undefined],
        ["PUT", "there.txt", "{not json"],
        ["PUT", "there.txt", '{"type":"file"}'],
        ["PUT", "there.txt", '{"content":""}'],
        ["PUT", "there.txt", '{"type":"wrong","content":""}'],
        ["PUT", "there.txt", '{"type":"file","content":"","format":"odd"}'],
        ["PUT", "there.txt", '{"type":"directory"}'],
        ["PUT", "copy.txt", '{"copy_from":"there.txt"}'],
        ["PUT", ".hidden", '{"type":"file","content":"","format":"text"}'],
        ["POST", "there.txt", "{}"],
        ["DELETE", "", undefined],
        ["DELETE", ".hidden", undefined],
        ["PATCH", "there.txt", undefined],
        ["PATCH", "there.txt", '{"path":".hidden"}'],
      ] as const) {
        const response = await server.request(`api/contents/${at}`, {
          method,
          ...(body !== undefined && { body }),
        });
        const answer = await response.json();
        seen.push({
          method,
          at,
          body,
          status: response.status,
          fields: [typeof answer.message, "reason" in answer],
        });
      }
      return seen;
    });
    for (const { status, fields } of refused) assert.ok(status >= 400 && fields[1], String(status));
  });
});
