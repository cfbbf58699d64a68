/** Losses of classifications. */
import { R } from "../../../graph/index.ts";
import type { GraphExpr } from "../../../ir/index.ts";
import type { Converter, ConverterTable, NodeContext } from "../context.ts";

/** No class has a number below 0, so by default nothing is ignored. */
const NO_CLASS = -(2 ** 31);

function nll(cx: NodeContext, predictions: GraphExpr): GraphExpr {
  const args = [predictions, cx.input(1), ...(cx.has(2) ? [cx.input(2)] : [])];
  return R.op("nn.nllLoss", args, {
    reduction: cx.attr.string("reduction", "mean"),
    ignoreIndex: cx.attr.int("ignore_index", NO_CLASS),
  });
}

const negativeLogLikelihood: Converter = (cx) => nll(cx, cx.input(0));

const softmaxCrossEntropy: Converter = (cx) => {
  const logs = cx.emit(R.op("nn.logSoftmax", [cx.input(0)], { axis: 1 }));
  const loss = nll(cx, logs);
  return cx.wants(1) ? [loss, logs] : [loss];
};

export const LOSS: ConverterTable = {
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
};
