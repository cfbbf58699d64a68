/** What pages of a course have beyond those of one notebook: search, list of chapters, ways to the next. */
export const courseStyle: string = `
.bar .name:hover{color:var(--accent)}
.search{flex:0 1 16rem;min-width:7rem}.search[hidden]{display:none}.search input{width:100%;height:2.1rem;padding:0 .7rem;font:inherit;font-size:.875rem;color:var(--ink);background:var(--tint);border:1px solid var(--line);border-radius:6px}.search input::placeholder{color:var(--dim);opacity:1}
.search-results{position:absolute;top:calc(var(--bar) - .2rem);right:1.25rem;width:min(34rem,calc(100vw - 1.8rem));max-height:70vh;overflow-y:auto;background:var(--paper);border:1px solid var(--line);border-radius:8px;box-shadow:0 8px 30px #0004;padding:.4rem;font-size:.875rem;line-height:1.4}
.search-results[hidden]{display:none}.search-results a{display:block;padding:.45rem .6rem;border-radius:5px;text-decoration:none;color:var(--ink)}.search-results a:hover,.search-results a:focus{background:var(--tint)}
.search-results span{display:block;color:var(--dim);overflow-wrap:anywhere}.search-results mark{background:var(--mark);color:var(--ink);border-radius:2px}.search-results p{margin:.4rem .6rem;color:var(--dim)}
.pager{display:flex;flex-wrap:wrap;gap:1rem;justify-content:space-between;margin-top:2rem}.pager a{flex:0 1 46%;border:1px solid var(--line);border-radius:8px;padding:.7rem 1rem;text-decoration:none;font-weight:600}.pager a:hover{border-color:var(--accent)}.pager a[rel=next]{text-align:right;margin-left:auto}.pager span{display:block;font-size:.8125rem;font-weight:400;color:var(--dim)}
.download{margin-top:4rem;font-size:.875rem}
.course{list-style:none;padding:0;display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(22rem,100%),1fr))}
.course li{border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;display:flex;flex-direction:column}.course h2{font-size:1.1rem;margin:0 0 .4rem}.course h2 a{text-decoration:none}.course p{margin:0 0 .6rem;color:var(--dim);font-size:.9375rem}.course .facts{margin:auto 0 0;font-size:.8125rem}
.lead{max-width:46rem;color:var(--dim)}
@media(max-width:40rem){.bar .name{flex:0 1 auto}.search{flex:1 1 7rem}.search-results{right:.9rem}.pager a{flex-basis:100%}}
`.replaceAll("\n", "");
