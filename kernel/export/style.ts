// The looks of exported pages: light or dark as the reader's system is, or as the page's button says; on paper one column.

const light = `--ink:#1d2a30;--dim:#56666e;--paper:#fff;--tint:#f4f7f8;--line:#d5dee2;--accent:#0f6f7d;--keyword:#7a2ff0;
--string:#16702f;--number:#9a4c00;--comment:#5d6c74;--title:#0a58b0;--red:#b8262d;--mark:#ffe9a8;--lit:#d4a72c40;color-scheme:light;`;
const dark = `--ink:#e4ecef;--dim:#9cadb5;--paper:#14191c;--tint:#1c2327;--line:#343f45;--accent:#55c6d3;--keyword:#c49bff;
--string:#7bd88f;--number:#f2b066;--comment:#8fa1aa;--title:#84bcff;--red:#ff8488;--mark:#5c4a10;--lit:#bb800955;color-scheme:dark;`;

/** What the displays of the compiler take from a theme. */
const displays = `--jp-layout-color0:var(--paper);--jp-layout-color2:var(--tint);--jp-border-color2:var(--line);
--jp-content-font-color1:var(--ink);--jp-content-font-color2:var(--dim);`;

const page = `
:root{${light}${displays}--mono:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;--bar:3rem;scroll-padding-top:calc(var(--bar) + 1rem)}
@media(prefers-color-scheme:dark){:root:not([data-theme=light]){${dark}}}
:root[data-theme=dark]{${dark}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
a{color:var(--accent)}a:focus-visible,button:focus-visible,summary:focus-visible,[tabindex]:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
main:focus{outline:none}
.skip{position:absolute;left:-9999px}.skip:focus{left:.5rem;top:.5rem;background:var(--paper);padding:.4rem .8rem;z-index:9}
.bar{position:sticky;top:0;z-index:5;display:flex;gap:1rem;align-items:center;height:var(--bar);padding:0 1.25rem;background:var(--paper);border-bottom:1px solid var(--line)}
.bar .name{flex:1;min-width:0;font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:inherit;text-decoration:none}
button{font:inherit;color:inherit;background:var(--tint);border:1px solid var(--line);border-radius:6px;cursor:pointer}
button:disabled{color:var(--dim);cursor:default;opacity:.6}
.theme-button{display:grid;place-items:center;width:2.1rem;height:2.1rem;padding:0}.theme-button[hidden]{display:none}
.columns{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:90rem;margin:0 auto}.columns.single{grid-template-columns:minmax(0,1fr)}
.side{position:sticky;top:var(--bar);align-self:start;max-height:calc(100vh - var(--bar));overflow-y:auto;padding:1.5rem .5rem 3rem 1.25rem;font-size:.875rem;line-height:1.4}
.side>summary{display:none}
.side h2{font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;color:var(--dim);margin:0 0 .5rem;padding-left:.6rem}
.side ul{list-style:none;margin:0 0 1.5rem;padding:0}.side .level-3{padding-left:.9rem}
.side li a{display:block;padding:.28rem .6rem;border-left:2px solid var(--line);color:var(--dim);text-decoration:none;overflow-wrap:anywhere}
.side li a:hover{color:var(--ink)}.side li a[aria-current]{color:var(--ink);border-left-color:var(--accent);font-weight:600}
main{min-width:0;max-width:64rem;width:100%;padding:2rem 2rem 5rem}.single main{margin:0 auto}
h1,h2,h3,h4{line-height:1.25;margin:2em 0 .6em;overflow-wrap:anywhere}h1{font-size:2.1rem;margin-top:0}h2{font-size:1.5rem}h3{font-size:1.2rem}h4{font-size:1rem}
main img,main svg{max-width:100%;height:auto}
pre,code{font-family:var(--mono);font-size:.875rem;line-height:1.5}pre{margin:0;overflow-x:auto}
.markdown p,.markdown li{max-width:46rem}.markdown pre{background:var(--tint);padding:.75rem 1rem;border-radius:6px;margin:.8em 0}
.markdown :not(pre)>code{background:var(--tint);padding:.1em .35em;border-radius:4px;overflow-wrap:anywhere}
.markdown details,.as-text{border:1px solid var(--line);border-radius:6px;padding:.4rem .9rem;margin:.8rem 0}.markdown summary,.as-text summary{cursor:pointer;color:var(--accent);font-weight:600}
.as-text{border:0;padding:0;font-size:.875rem}.as-text summary{font-weight:400;color:var(--dim)}
.formula{overflow-x:auto;overflow-y:hidden}math{font-size:1.1em}
blockquote{margin:1em 0;padding-left:1em;border-left:3px solid var(--line);color:var(--dim)}
.markdown table,.outputs>div>table{border-collapse:collapse;font-size:.875rem;display:block;overflow-x:auto}
.markdown th,.markdown td,.outputs>div>table th,.outputs>div>table td{border:1px solid var(--line);padding:.3rem .65rem;text-align:left}
.markdown th,.outputs>div>table th{background:var(--tint);font-weight:600}`;

const cells = `
section.code{margin:1.1rem 0}.input{display:flex;background:var(--tint);border:1px solid var(--line);border-radius:6px}
.exercise>.input{border-left:3px solid var(--accent)}
.input pre{flex:1;min-width:0;padding:.7rem .9rem}.prompt{color:var(--dim);font:.75rem/1.7rem var(--mono);min-width:2.4rem;padding-top:.55rem;text-align:center;border-right:1px solid var(--line);user-select:none}
.outputs{margin:.5rem 0 0 2.4rem;padding-left:.9rem;contain:paint}.outputs>*+*{margin-top:.5rem}.outputs>div{overflow-x:auto}
.stream,.plain,.error{padding:.1rem 0}.stderr{background:color-mix(in srgb,var(--number) 10%,transparent);padding:.4rem .7rem;border-radius:4px}
.error{border-left:3px solid var(--red);background:color-mix(in srgb,var(--red) 7%,transparent);padding:.6rem .8rem}
.hljs-keyword,.hljs-built_in,.hljs-tag,.hljs-name{color:var(--keyword)}.hljs-string,.hljs-regexp{color:var(--string)}
.hljs-number,.hljs-literal{color:var(--number)}.hljs-comment{color:var(--comment);font-style:italic}.hljs-attr,.hljs-attribute{color:var(--accent)}
.hljs-title,.hljs-title.function_{color:var(--title)}.hljs-type,.hljs-title.class_{color:var(--accent)}
.ansi-red{color:var(--red)}.ansi-green{color:var(--string)}.ansi-yellow{color:var(--number)}.ansi-blue{color:var(--title)}
.ansi-magenta{color:var(--keyword)}.ansi-cyan{color:var(--accent)}.ansi-bold{font-weight:700}.ansi-dim{color:var(--dim)}
.step-bar{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.4rem 0;font-size:.8125rem}.step-bar button{min-width:2rem;height:1.75rem;padding:0 .5rem;line-height:1}
.step-count{color:var(--dim);min-width:6.5em;text-align:center}.step-bar label{margin-left:.5rem;color:var(--dim)}
.tw .lit{background:var(--lit)}.tw svg .lit{outline:2px solid var(--accent);outline-offset:1px}
.plot-picture{overflow-x:auto}.plot svg{max-width:100%;height:auto}.plot svg [fill="#767676"],.plot svg text[fill="#000"],.plot svg text:not([fill]){fill:var(--ink)}
.widgets{font-size:.875rem}.widget{display:inline-flex;gap:.6rem;align-items:center;margin:.15rem .8rem .15rem 0}.widget-label{min-width:5em;text-align:right;color:var(--dim)}
.widget-rail{position:relative;width:12rem;height:4px;border-radius:2px;background:var(--line)}.widget-rail span{position:absolute;top:-5px;width:14px;height:14px;margin-left:-7px;border-radius:50%;background:var(--accent)}
.widget-field,.widget-button{border:1px solid var(--line);border-radius:4px;padding:.1rem .6rem;background:var(--tint)}.widget-row{display:flex;flex-wrap:wrap}.widget-column{display:flex;flex-direction:column;align-items:flex-start}`;

const narrow = `
@media(max-width:60rem){.columns{grid-template-columns:minmax(0,1fr)}.side{position:static;max-height:none;padding:.6rem 1.25rem;border-bottom:1px solid var(--line)}.side>summary{display:list-item;cursor:pointer;font-weight:600}.side[open]>summary{margin-bottom:1rem}main{padding:1.5rem 1.25rem 4rem}}
@media(max-width:40rem){body{font-size:15px}h1{font-size:1.7rem}main{padding:1.25rem .9rem 3rem}.bar{padding:0 .9rem;gap:.6rem}.outputs{margin-left:0;padding-left:0}.prompt{display:none}.input pre{padding:.6rem .7rem}pre,code{font-size:.8125rem}}
@media print{:root{${light}}.bar,.side,.skip,.step-bar,.search-results,.pager{display:none!important}.columns{display:block}main{max-width:none;padding:0}body{font-size:11pt}
pre{white-space:pre-wrap;overflow-wrap:anywhere}.outputs,.outputs>div,.plot-picture,.tw{overflow:visible!important}.input,figure,tr,.plot,.markdown details{break-inside:avoid}h1,h2,h3{break-after:avoid}a{color:inherit}}`;

/** The style sheet of every exported page. */
export const pageStyle: string = [page, cells, narrow].join("").replaceAll("\n", "");
