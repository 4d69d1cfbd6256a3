"""How the page looks: calm, compact, system fonts, nothing from elsewhere."""

from __future__ import annotations

import gradio as gr

CSS = """
.gradio-container { max-width: none !important; padding: 8px 16px !important; }
#export-form { max-width: 820px; }
footer { display: none !important; }
.dark #sdpt-tabs button[role=tab][aria-selected=true] { color: var(--primary-400); }
#sdpt-title { padding: 0; }
#sdpt-title p { margin: 0; font-size: 15px; }
.sdpt-facts table { font-size: 14px; }
.sdpt-facts { min-height: 0; }
.sdpt-bar { height: 8px; border-radius: 4px; background: var(--border-color-primary); overflow: hidden; }
.sdpt-bar > div { height: 100%; background: var(--color-accent); transition: width 0.3s; }
.sdpt-job { display: flex; flex-direction: column; gap: 6px; font-size: 14px; min-height: 44px; }
.sdpt-job .sdpt-aside { color: var(--body-text-color-subdued); }
.sdpt-job .sdpt-bad { color: var(--error-text-color, #b91c1c); }
.sdpt-chip { display: inline-block; width: 12px; height: 12px; border-radius: 3px; vertical-align: -1px; }
.sdpt-table { width: 100%; border-collapse: collapse; font-size: 14px; }
.sdpt-table, .sdpt-table th, .sdpt-table td, .sdpt-table tr { border: 0 !important; background: none !important; }
.sdpt-table th { text-align: left; font-weight: 600; padding: 4px 8px; }
.sdpt-table tr { border-bottom: 1px solid var(--border-color-primary) !important; }
.sdpt-table td { padding: 4px 8px; }
.sdpt-table td { overflow-wrap: anywhere; }
.sdpt-table th { overflow-wrap: break-word; } /* a head sets the width, words of it are not torn */
.sdpt-table td.number, .sdpt-table th.number { text-align: right; font-variant-numeric: tabular-nums; }
.sdpt-table tr.in-use td { font-weight: 600; }
.sdpt-link { display: inline-block; padding: 8px 16px; border-radius: 4px; font-weight: 600;
  background: var(--button-primary-background-fill); text-decoration: none !important;
  color: var(--button-primary-text-color) !important; }
:is([type=range], [type=checkbox], [type=radio]):focus-visible { outline: 2px solid var(--color-accent) !important;
  outline-offset: 2px; }
.sdpt-form { align-items: end !important; }
.sdpt-ask { align-items: center !important; }
.sdpt-ask .sdpt-job { min-height: 0; gap: 0; }
.sdpt-form button { min-height: 38px; }
.sdpt-numbers { display: flex; flex-wrap: wrap; gap: 8px 28px; padding: 4px 0; }
.sdpt-numbers div { display: flex; flex-direction: column; }
.sdpt-numbers b { font-size: 22px; font-variant-numeric: tabular-nums; }
.sdpt-numbers span { font-size: 13px; color: var(--body-text-color-subdued); }
"""


def theme() -> gr.themes.Base:
    """Fonts by name only: a font from a server would be a request that leaves the machine."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"],
        font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
        spacing_size="sm",
        radius_size="sm",
        text_size="sm",
    ).set(  # of Gradio's own greys and blues these are too pale to be read by everyone: WCAG asks 4.5 : 1
        color_accent="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        body_text_color_subdued="*neutral_500",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )
