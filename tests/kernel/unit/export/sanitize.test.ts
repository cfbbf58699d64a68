import assert from "node:assert/strict";
import fc from "fast-check";
import { sanitize } from "../../../../kernel/export/sanitize.ts";

describe("kernel unit: HTML of notebooks in pages", () => {
  it("keeps what only shows", () => {
    const same = [
      '<details open><b class="x">1 &lt; 2</b></details>',
      '<svg viewbox="0 0 1 1"><path d="M0 0"/><title>a</title></svg>',
      '<a href="https://example.org/?a=1&amp;b=2">x</a>',
      '<label><input type="radio" name="a" checked> 1</label>',
      '<img alt="" src="data:image/png;base64,AAAA">',
      "<p>1 &lt; 2 &amp; 3</p>",
    ];
    for (const html of same) assert.equal(sanitize(html), html);
  });

  it("takes away what could run, load or send", () => {
    const samples = [
      "<img src=x onerror=alert(1)>",
      "<img/src=x/onerror=alert(1)>",
      "<a href=' javascript:alert(1)'>x</a>",
      "<a href='java&#x73;cript&colon;alert(1)'>x</a>",
      "<a href='java&Tab;script:alert(1)'>x</a>",
      "<a href='data:text/html,<script>'>x</a>",
      "<iframe src=x></iframe>",
      "<iframe srcdoc='<script>x</script>'>",
      "<ScRiPt src=x>",
      "<script>alert(1)</script>",
      "<scr<script>ipt>alert(1)</scr</script>ipt>",
      "<svg/onload=alert(1)>",
      "<svg><script>alert(1)</script></svg>",
      "<svg><animate attributeName=href values=javascript:alert(1) /></svg>",
      "<svg><set attributeName=onclick to=alert(1)></svg>",
      "<svg><style><img src=x></style></svg>",
      "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
      "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
      "<form action=x><button formaction=javascript:alert(1)>x</button></form>",
      "<meta http-equiv=refresh content='0;url=x'><base href=x><link rel=stylesheet href=x>",
      "<object data=x></object><embed src=x>",
      "<input type=text autofocus onfocus=alert(1)>",
      "<img src='https://example.org/seen.png'>",
    ];
    const bad =
      /<(?:script|iframe|object|embed|form|button|meta|base|link|noscript|img src=["']?(?:x|https))|\son\w+\s*=|\saction/i;
    for (const sample of samples) {
      const clean = sanitize(sample);
      assert.doesNotMatch(clean, /(?:href|src|values)="(?:javascript|data:text)/i, sample);
      // What stands in quotes is none of the markup.
      assert.doesNotMatch(clean.replace(/="[^"]*"/g, '=""'), bad, sample);
      assert.doesNotMatch(clean, /src="(?:x|https)/, sample);
    }
  });

  it("closes what was opened, and nothing else", () => {
    assert.equal(sanitize("</div></main><p>a<b>c"), "<p>a<b>c</b></p>");
    assert.equal(sanitize("<ul><li>a<li>b</ul>c"), "<ul><li>a<li>b</li></li></ul>c");
    assert.equal(sanitize("1 < 2 <p"), "1 &lt; 2 ");
    assert.equal(sanitize("<p title='a>b'>c</p><!-- d -->"), '<p title="a&gt;b">c</p>');
  });

  it("gives displays ids of their own", () => {
    const html = `<svg><clipPath id="c"></clipPath><g clip-path="url(#c)"></g></svg><style>#c{fill:red}#abc{}</style>
<label for="i">x</label><input type="checkbox" id="i"><a href="#i">y</a>`;
    const clean = sanitize(html, { prefix: "d1-" });
    for (const part of [
      'id="d1-c"',
      "url(#d1-c)",
      "#d1-c{",
      "#abc{",
      'for="d1-i"',
      'id="d1-i"',
      'href="#d1-i"',
    ])
      assert.ok(clean.includes(part), `${part} in ${clean}`);
  });

  it("puts a style sheet into a page once", () => {
    const styles = new Set<string>();
    assert.match(sanitize("<style>.a{}</style>", { styles }), /style/);
    assert.doesNotMatch(sanitize("<style>.a{}</style>", { styles }), /style/);
  });

  it("reads its own writing the same way (random pieces)", () => {
    const piece = fc.constantFrom(
      ...[
        "<p>",
        "</p>",
        "<b a='1",
        "'>",
        '"',
        "<svg>",
        "<style>",
        "</style>",
        "<!--",
        "-->",
        "x",
        "<",
        ">",
        "&lt;",
        " ",
      ],
      ...[
        "<script>",
        "</script>",
        "<a href=",
        "on=1 ",
        "/>",
        "<path d=1/>",
        "<title>",
        "</svg>",
        "<td>",
        "=",
        "<img ",
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const once = sanitize(pieces.join(""));
        assert.equal(sanitize(once), once);
        assert.doesNotMatch(once, /<script/i);
      }),
      { numRuns: 300 },
    );
  });

  it("ends soon on a text made to take long", function () {
    this.timeout(60_000);
    for (const part of ["<a ", "<a '", "<!--", "<style>", "<p>", "</p", '<a b="', "<svg><"])
      assert.ok(sanitize(part.repeat(30_000)).length >= 0);
  });
});
