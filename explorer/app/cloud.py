"""A plotly figure in the page, drawn by plotly.js from this server, with its animation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from explorer.app.serve import PLOTLY_ADDRESS

# Gradio's own plot leaves out a figure's frames, and loads its own copy of plotly.js.
DRAW = """
const load = () => window.explorerPlotly ??= new Promise((done, failed) => {
  const script = document.createElement('script');
  script.src = '%s';
  script.onload = () => done(window.Plotly);
  script.onerror = () => failed(new Error('plotly.js did not load'));
  document.head.appendChild(script);
});
const draw = async () => {
  const box = element.querySelector('.cloud-plot');
  if (!box || !props.value || box.shown === props.value) return;
  box.shown = props.value;
  const plotly = await load();
  const figure = JSON.parse(props.value);
  // The buttons stand above the figure, where they fit on narrow screens too.
  delete figure.layout.updatemenus;
  (figure.layout.sliders || []).forEach(slider => { slider.x = 0; slider.len = 1; });
  figure.layout.autosize = true;
  const settings = {responsive: true, displaylogo: false, scrollZoom: false};
  await plotly.newPlot(box, figure.data, figure.layout, settings);
  await plotly.addFrames(box, figure.frames || []);
  const names = (figure.frames || []).map(one => one.name).filter(name => name !== 'all');
  const pace = {frame: {duration: 350, redraw: true}, transition: {duration: 0}, mode: 'immediate'};
  const [play, pause] = element.querySelectorAll('.cloud-bar button');
  play.onclick = () => plotly.animate(box, names, pace);
  pause.onclick = () => plotly.animate(box, [null], pace);
  box.setAttribute('aria-busy', 'false');
};
watch('value', draw);
draw();
"""


def cloud_component(alt: str, *, elem_id: str) -> Any:
    """A place for a figure, whose value is the figure as JSON."""
    return gr.HTML(
        "",
        html_template='<div class="cloud-box"><div class="cloud-bar">'
        '<button type="button">Play</button><button type="button">Pause</button></div>'
        f'<div class="cloud-plot" role="img" aria-label="{alt}" aria-busy="true"></div></div>',
        js_on_load=DRAW % PLOTLY_ADDRESS,
        elem_id=elem_id,
        apply_default_css=False,
    )
