"""How a report looks: light and dark, from wide screens down to 600 px, and in print."""

COLOURS = """
:root {
  color-scheme: light dark;
  --paper: #f7f8fa; --card: #ffffff; --ink: #1c2230; --muted: #5a6474; --rule: #e1e5ec;
  --accent: #0066a1; --soft: #eaf3f9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1217; --card: #171b22; --ink: #e8ebf1; --muted: #a0aabb; --rule: #2b323d;
    --accent: #6cb8ea; --soft: #17293a;
  }
}
"""

PAGE = """
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
    "Noto Sans", "Liberation Sans", Arial, sans-serif;
}
.page { max-width: 1180px; margin: 0 auto; padding: 0 24px 64px; }
header { padding: 56px 0 20px; max-width: 52rem; }
.kicker {
  margin: 0 0 6px; color: var(--accent); font-size: .8rem; font-weight: 600;
  letter-spacing: .08em; text-transform: uppercase;
}
h1 { margin: 0; font-size: 2.3rem; line-height: 1.15; letter-spacing: -.02em; text-wrap: balance; }
.lede { margin: 14px 0 0; font-size: 1.12rem; color: var(--muted); text-wrap: pretty; }
nav ol { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; }
nav { padding: 12px 0; border-block: 1px solid var(--rule); font-size: .9rem; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 2px; }
section { padding-top: 40px; scroll-margin-top: 12px; }
h2 { margin: 0 0 12px; font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 14px; max-width: 44rem; text-wrap: pretty; }
"""

PARTS = """
p.note {
  padding: 10px 14px; border-left: 3px solid var(--accent); border-radius: 0 6px 6px 0;
  background: var(--soft);
}
figure { margin: 22px 0 28px; }
figcaption { margin-top: 8px; max-width: 44rem; color: var(--muted); font-size: .9rem; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px;
  overflow-x: auto; width: fit-content; max-width: 100%;
}
.card img { display: block; max-width: 100%; height: auto; }
.reel img { width: 100%; image-rendering: pixelated; }
.reel .titles { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: 8px;
  padding-bottom: 6px; }
.reel .titles span { font-size: .85rem; color: var(--muted); text-align: center; }
dl.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px;
  margin: 20px 0 28px;
}
dl.facts div {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px;
}
dl.facts dt { color: var(--muted); font-size: .82rem; line-height: 1.35; }
dl.facts dd {
  margin: 4px 0 0; font-size: 1.2rem; font-weight: 600; line-height: 1.3;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 14px; border-bottom: 1px solid var(--rule); text-align: left; }
th { color: var(--muted); font-weight: 600; white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover { background: var(--soft); }
.number { text-align: right; white-space: nowrap; }
td:first-child { min-width: 8rem; }
td small { display: block; color: var(--muted); font-size: .85em; font-weight: 400; }
td.strong { font-weight: 650; }
code { font: .88em ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
pre {
  margin: 0 0 16px; padding: 12px 14px; max-width: 100%; overflow-x: auto; line-height: 1.5;
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
}
"""
"""Of figures, tables and tiles, wherever they stand."""

END = """
footer { margin-top: 48px; padding-top: 14px; border-top: 1px solid var(--rule);
  color: var(--muted); font-size: .85rem; }
@media (min-width: 1080px) {
  .page { display: grid; grid-template-columns: 190px minmax(0, 1fr); column-gap: 48px; }
  header, footer { grid-column: 1 / -1; }
  nav { border: 0; padding: 44px 0 0; }
  nav ol { position: sticky; top: 28px; display: block; border-left: 1px solid var(--rule); }
  nav li a { display: block; padding: 4px 0 4px 14px; color: var(--muted); }
}
@media (max-width: 640px) {
  .page { padding: 0 16px 40px; }
  header { padding-top: 32px; }
  h1 { font-size: 1.8rem; }
  .card { padding: 8px; }
  table { font-size: .8rem; }
  th, td { padding: 6px 8px; white-space: normal; }
  td:first-child { min-width: 6rem; }
}
@media print {
  body { background: #fff; }
  nav { display: none; }
  figure, dl.facts div { break-inside: avoid; }
}
"""

CSS = COLOURS + PAGE + PARTS + END
