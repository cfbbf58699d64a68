// Names in the folder of a model that is tried.
export const files = {
  model: "model.onnx",
  /** The folder of the files that the model refers to. */
  data: "data",
  /** What searches have measured. */
  records: "records.jsonl",
  bundle: "bundle.zip",
} as const;

/** The folder, in the served one, that notebooks of models go to, with the models. */
export const notebooks = "models";
