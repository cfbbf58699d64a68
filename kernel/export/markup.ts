// What elements and attributes a page takes over from a notebook's HTML. What stands in none of these tables is left
// out: an element that browsers learn tomorrow is not let in by itself.

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Elements of HTML, SVG and MathML that show something and neither run, load nor send anything by themselves. */
export const allowed: ReadonlySet<string> = new Set(
  words(`
  a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup data dd del details
  dfn div dl dt em fieldset figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label legend
  li mark meter nav ol output p pre progress q rp rt ruby s samp section small source span strike strong style sub
  summary sup table tbody td tfoot th thead time tr tt u ul var video audio wbr
  svg g path rect circle ellipse line polyline polygon text tspan textpath title desc defs clippath mask pattern
  lineargradient radialgradient stop marker symbol use image switch view animate animatetransform animatemotion mpath
  set filter feblend fecolormatrix fecomponenttransfer fecomposite fedropshadow feflood fefunca fefuncb fefuncg fefuncr
  fegaussianblur feimage femerge femergenode femorphology feoffset fetile feturbulence
  math mrow mi mo mn ms mtext mspace msup msub msubsup mfrac msqrt mroot mover munder munderover mtable mtr mtd
  mstyle merror mpadded mphantom menclose mmultiscripts mprescripts none semantics`),
);

/** Elements whose content is no text for readers: it goes with them. */
export const dropped: ReadonlySet<string> = new Set(
  words(
    "script iframe noscript noembed noframes xmp plaintext textarea template title annotation annotation-xml",
  ),
);

/** Elements without content and end. */
export const empty: ReadonlySet<string> = new Set(words("br col hr img input source track wbr"));

/** Roots of markup in which `<x/>` is a whole element. */
export const foreign: ReadonlySet<string> = new Set(["svg", "math"]);

/** Attributes that run, load, send or steer the page; those that begin with "on" are none of the page's either. */
export const refusedAttributes: ReadonlySet<string> = new Set(
  words(`srcdoc srcset formaction action ping background manifest http-equiv autofocus nonce is slot target form
  contenteditable accesskey popover popovertarget popovertargetaction command commandfor autoplay`),
);

/** Attributes that are addresses. */
export const addresses: ReadonlySet<string> = new Set(words("href xlink:href src poster cite longdesc"));

/** Attributes that name elements by their ids, some several at a time. */
export const references: ReadonlySet<string> = new Set(
  words("id for aria-labelledby aria-describedby aria-controls aria-owns headers"),
);
