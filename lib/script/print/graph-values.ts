/** Values and types of graph-level functions as text. */
import {
  type Attrs,
  type Expr,
  type GraphExpr,
  type GraphType,
  type NDArray,
  structuralEqual,
  unreachable,
} from "../../ir/index.ts";
import { graphDialect } from "../graph-dialect.ts";
import { constantText } from "./constants.ts";
import { attrsText, attrText, keyText } from "./data.ts";
import { dimText } from "./dim.ts";
import { exprText } from "./expression.ts";
import { callDoc, type Doc, listDoc, recordDoc } from "./layout.ts";
import type { Names } from "./names.ts";

export class GraphTexts {
  private readonly names: Names;
  private readonly constants: ReadonlyMap<NDArray, string>;

  constructor(names: Names, constants: ReadonlyMap<NDArray, string>) {
    this.names = names;
    this.constants = constants;
  }

  /** A type as it is written: in a body, or `declared` with its parameter, where symbolic sizes are strings. */
  type(t: GraphType, where: "inside" | "declared" = "inside"): Doc {
    switch (t.kind) {
      case "tensor": {
        const size = (e: Expr) => (where === "declared" ? dimText(e, this.names) : this.size(e));
        const shape = `[${t.shape.map(size).join(", ")}]`;
        return `R.tensor(${[shape, ...(t.dtype === "f32" ? [] : [JSON.stringify(t.dtype)])].join(", ")})`;
      }
      case "tuple":
        return listDoc(t.fields.map((f) => this.type(f, where)));
      case "shape":
        return `R.shapeType(${t.rank})`;
      default:
        return unreachable(t);
    }
  }

  all(es: readonly GraphExpr[]): Doc[] {
    return es.map((e) => this.value(e));
  }

  value(e: GraphExpr): Doc {
    switch (e.kind) {
      case "graphVar":
        return this.names.of(e);
      case "constant":
        return constantText(e.data, this.constants);
      case "shapeLiteral":
        return callDoc("R.shape", [listDoc(e.values.map((v) => this.size(v)))]);
      case "tupleExpr":
        return callDoc("R.tuple", this.all(e.fields));
      case "tupleGet":
        return e.tuple.kind === "graphVar"
          ? `${this.names.of(e.tuple)}[${e.index}]`
          : callDoc("R.get", [this.value(e.tuple), String(e.index)]);
      case "opCall":
        return this.operator(e.op, e.args, e.attrs);
      case "callTir": {
        const options: [string, Doc][] = [];
        if (e.tirVars.length > 0) options.push(["tirVars", listDoc(e.tirVars.map((v) => this.size(v)))]);
        if (e.into) options.push(["into", listDoc(this.all(e.into))]);
        return this.call("R.callTir", e, options);
      }
      case "callPacked": {
        const options: [string, Doc][] = [];
        if (Object.keys(e.attrs).length > 0) options.push(["attrs", attrsText(e.attrs)]);
        if (e.into) options.push(["into", listDoc(this.all(e.into))]);
        return this.call("R.callPacked", e, options);
      }
      case "callFunc":
        return this.call("R.call", e, []);
      case "graphLoop": {
        const parts: [string, Doc][] = [];
        if (e.trip) parts.push(["trip", this.value(e.trip)]);
        if (e.cond) parts.push(["cond", this.value(e.cond)]);
        if (e.carried.length > 0) parts.push(["carried", listDoc(this.all(e.carried))]);
        if (e.captured.length > 0) parts.push(["captured", listDoc(this.all(e.captured))]);
        return callDoc("R.loop", [JSON.stringify(e.func), recordDoc(parts), this.type(e.type)]);
      }
      case "graphIf":
        // Ifs are printed over several lines, by their binding; as an operand they are in no normal form.
        throw new TypeError("an if stands as an operand: bind it to a variable (normalize does)");
      default:
        return unreachable(e);
    }
  }

  /** Whether two types are written alike. */
  sameTypes(a: GraphType, b: GraphType): boolean {
    if (a === b) return true;
    if (a.kind === "tensor") {
      const form = b.kind === "tensor" && a.dtype === b.dtype && a.shape.length === b.shape.length;
      return form && a.shape.every((s, i) => s === b.shape[i] || structuralEqual(s, b.shape[i]));
    }
    if (a.kind === "shape") return b.kind === "shape" && a.rank === b.rank;
    if (b.kind !== "tuple" || a.fields.length !== b.fields.length) return false;
    return a.fields.every((f, i) => this.sameTypes(f, b.fields[i]));
  }

  private size(e: Expr): string {
    return exprText(e, this.names, "i32");
  }

  private call(
    word: string,
    e: { readonly func: string; readonly args: readonly GraphExpr[]; readonly type: GraphType },
    options: readonly (readonly [string, Doc])[],
  ): Doc {
    const args = [JSON.stringify(e.func), listDoc(this.all(e.args)), this.type(e.type)];
    return callDoc(word, options.length > 0 ? [...args, recordDoc(options)] : args);
  }

  /** Attributes that have their default are left out; an operator that `R` has no word for is called by its name. */
  private operator(name: string, args: readonly GraphExpr[], attrs: Attrs): Doc {
    const known = graphDialect()?.operator(name);
    const said = Object.entries(attrs).filter(
      ([k, v]) => JSON.stringify(v) !== JSON.stringify(known?.defaults[k]),
    );
    const given = args.map((a) => (a.kind === "tupleExpr" ? listDoc(this.all(a.fields)) : this.value(a)));
    const last = said.length > 0 ? [recordDoc(said.map(([k, v]) => [keyText(k), attrText(v)] as const))] : [];
    if (known?.word) return callDoc(`R.${name}`, [...given, ...last]);
    return callDoc("R.op", [JSON.stringify(name), listDoc(given), ...last]);
  }
}
