// The public surface of the compiler library: what `import … from "tilewright"` gives.
export {};
