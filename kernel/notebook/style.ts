/** The looks of an exported page: one column, light or dark as the reader's system is. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1d2a30; --dim: #62727a; --paper: #fff; --tint: #f4f7f8; --line: #dbe3e6;
  --accent: #14808f; --keyword: #8a3ffc; --string: #1a7f37; --number: #b35900; --comment: #6b7a82; --title: #0b62c4; --red: #c0292f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4ecef; --dim: #93a4ac; --paper: #14191c; --tint: #1c2327; --line: #313c42;
  --accent: #4fc3d0; --keyword: #c49bff; --string: #7bd88f; --number: #f2b066; --comment: #8496a0; --title: #7cb7ff; --red: #ff7b7f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1, h2, h3 { line-height: 1.25; margin: 2em 0 .6em; } h1 { font-size: 2.1rem; margin-top: 0; } h2 { font-size: 1.5rem; } h3 { font-size: 1.2rem; }
a { color: var(--accent); } img, svg { max-width: 100%; height: auto; }
pre, code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875rem; line-height: 1.5; }
pre { margin: 0; overflow-x: auto; } .markdown pre { background: var(--tint); padding: .75rem 1rem; border-radius: 6px; }
.markdown :not(pre) > code { background: var(--tint); padding: .1em .35em; border-radius: 4px; }
section.code { margin: 1.1rem 0; } .input { display: flex; background: var(--tint); border: 1px solid var(--line); border-radius: 6px; }
.input pre { flex: 1; padding: .7rem .9rem; min-width: 0; } .prompt { color: var(--dim); font: .75rem/1.7rem ui-monospace, monospace;
  min-width: 2.4rem; padding-top: .55rem; text-align: center; border-right: 1px solid var(--line); user-select: none; }
.outputs { margin: .5rem 0 0 2.4rem; padding-left: .9rem; overflow-x: auto; } .outputs > * + * { margin-top: .5rem; }
.stderr { background: color-mix(in srgb, var(--number) 12%, transparent); padding: .4rem .7rem; border-radius: 4px; }
.error { border-left: 3px solid var(--red); background: color-mix(in srgb, var(--red) 8%, transparent); padding: .6rem .8rem; }
table { border-collapse: collapse; font-size: .875rem; } th, td { border: 1px solid var(--line); padding: .3rem .65rem; text-align: left; }
th { background: var(--tint); font-weight: 600; } blockquote { margin: 1em 0; padding-left: 1em; border-left: 3px solid var(--line); color: var(--dim); }
.hljs-keyword, .hljs-built_in { color: var(--keyword); } .hljs-string, .hljs-regexp { color: var(--string); }
.hljs-number, .hljs-literal { color: var(--number); } .hljs-comment { color: var(--comment); font-style: italic; }
.hljs-title, .hljs-title.function_ { color: var(--title); } .hljs-type, .hljs-title.class_ { color: var(--accent); }
.ansi-red { color: var(--red); } .ansi-green { color: var(--string); } .ansi-yellow { color: var(--number); } .ansi-blue { color: var(--title); }
.ansi-magenta { color: var(--keyword); } .ansi-cyan { color: var(--accent); } .ansi-bold { font-weight: 700; } .ansi-dim { color: var(--dim); }
@media print { .input { break-inside: avoid; } }
`;
