"""Runs cells in the installed kernel through nbclient and prints what they showed as JSON."""

import json

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError


def notebook(*sources, tags=()):
    nb = nbformat.v4.new_notebook()
    nb.metadata["kernelspec"] = {"name": "tilewright", "display_name": "TypeScript", "language": "typescript"}
    nb.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for cell in nb.cells:
        cell.metadata["tags"] = list(tags)
    return nb


def brief(output):
    kept = {"output_type": output.output_type}
    if output.output_type == "stream":
        kept.update(name=output.name, text=output.text)
    elif output.output_type == "error":
        kept.update(ename=output.ename)
    else:
        kept.update(data=output.data["text/plain"])
    return kept


ok = notebook(
    "console.log('a'); console.log('b'); const n: number = 42",
    "n",
    "display('first', { id: 'd' }); display('second', { id: 'd', update: true });",
    "const wrong: string = n",
    "n",
    tags=["raises-exception"],
)
NotebookClient(ok, kernel_name="tilewright").execute()


def together(outputs):
    """Streams come in pieces as they were printed; front ends join them."""
    joined = []
    for output in map(brief, outputs):
        if joined and output["output_type"] == "stream" and joined[-1].get("name") == output["name"]:
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    return joined


result = {"outputs": [together(cell.outputs) for cell in ok.cells]}
try:
    NotebookClient(notebook("throw new Error('on purpose')"), kernel_name="tilewright").execute()
except CellExecutionError as error:
    result["error"] = str(error)
try:
    NotebookClient(notebook("while (true) {}"), kernel_name="tilewright", timeout=2).execute()
except CellTimeoutError as error:
    result["late"] = type(error).__name__
print(json.dumps(result))
