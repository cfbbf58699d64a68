/** Names in generated code: what a program calls a thing where WGSL allows it, with a number where it is taken. */

/** Keywords, reserved words and predeclared names (WGSL specification, sections 15.1, 15.2 and 16) that programs use. */
const RESERVED = new Set(
  (
    "alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if " +
    "let loop override requires return struct switch true var while " +
    "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class " +
    "co_await co_return co_yield coherent column_major common compile compile_fragment concept const_cast consteval " +
    "constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export " +
    "extends extern external fallthrough filter final finally friend from fxgroup get goto groupshared highp impl " +
    "implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move " +
    "mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent noperspective null " +
    "nullptr of operator package packoffset partition pass patch pixelfragment precise precision premerge priv " +
    "protected pub public readonly ref regardless register reinterpret_cast resource restrict self set shared sizeof " +
    "smooth snorm static static_assert static_cast std subroutine super target template this thread_local throw " +
    "trait try type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual " +
    "volatile wgsl where with writeonly yield " +
    "bool f16 f32 i32 u32 array atomic ptr vec2 vec3 vec4 vec2u vec3u vec4u mat2x2 mat3x3 mat4x4 sampler texture_1d " +
    "bitcast all any select arrayLength abs acos acosh asin asinh atan atanh atan2 ceil clamp cos cosh cross degrees " +
    "distance dot exp exp2 floor fma fract inverseSqrt length log log2 max min mix modf normalize pow radians reflect " +
    "round sign sin sinh smoothstep sqrt step tan tanh transpose trunc workgroupBarrier storageBarrier main"
  ).split(" "),
);

export class Names {
  private readonly taken = new Set<string>();
  private readonly byId = new Map<number, string>();

  /** The name of the thing with that id: always the same one. */
  of(id: number, wanted: string): string {
    let name = this.byId.get(id);
    if (!name) {
      name = this.fresh(wanted);
      this.byId.set(id, name);
    }
    return name;
  }

  /** A name nobody has: letters, digits and single underscores; `tw_` is kept for helpers. */
  fresh(wanted: string): string {
    const plain = wanted.replace(/[^A-Za-z0-9_]/g, "_").replace(/^_+/, "") || "v";
    const legal = /^[0-9]|^tw_/.test(plain) || RESERVED.has(plain) ? `v_${plain}` : plain;
    let name = legal;
    for (let n = 1; this.taken.has(name); n++) name = `${legal}_${n}`;
    this.taken.add(name);
    return name;
  }
}
