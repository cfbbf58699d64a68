/** What the code of entry points calls, as text: each is in a module that needs it. */
export const HELPERS: Readonly<Record<string, string>> = {
  copy: `const copy = (from, to, n) => {
  if (from !== to) u8.copyWithin(to, from, from + n);
};`,
  element: `const element = (at, wide) => {
  const view = new DataView(memory.buffer);
  return wide ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true);
};`,
  size: `const size = (n, most, name) => {
  if (n >= 0 && n <= most) return n;
  throw new RangeError("the size " + name + " is " + n + "; it can be from 0 to " + most);
};`,
  same: `const same = (a, b, name) => {
  if (a !== b) throw new RangeError(name + " needs two equal sizes; they are " + a + " and " + b);
};`,
  loop: `const loop = (f, c, trip, cond, carried, captured, stacks, open) => {
  const at = new DataView(memory.buffer);
  const refuse = (n) => {
    throw new Error("a loop makes " + n + " iteration(s); the model was compiled for " + stacks[0][2]);
  };
  for (const [from, to, n] of carried) u8.copyWithin(to, from, from + n);
  const most = trip ? Number(at.getBigInt64(trip, true)) : Infinity;
  let go = !cond || u8[cond];
  let n = 0;
  for (; go && n < most; n++) {
    if (stacks.some((s) => n >= s[2])) refuse(n + 1);
    at.setBigInt64(c, BigInt(n), true);
    u8[c + 8] = 1;
    const r = f(c, c + 8, ...carried.map((x) => x[1]), ...captured);
    go = u8[r[0]];
    const next = carried.map(([, , size], k) => u8.slice(r[k + 1], r[k + 1] + size));
    stacks.forEach(([to, row], k) => {
      const from = r[k + 1 + carried.length];
      u8.copyWithin(to + n * row, from, from + row);
    });
    next.forEach((b, k) => u8.set(b, carried[k][1]));
  }
  if (!open && stacks.some((s) => n !== s[2])) refuse(n);
  return n;
};`,
};
