"""An explanation as HTML: the picture with a slider through its frames, and the text below it.

In come `Facts`; out comes a fragment for notebooks or a whole page. The script is plain, needs no network and touches
only its own fragment; without it the picture moves by itself.
"""

from __future__ import annotations

from html import escape

from .facts import Facts
from .pictures import picture
from .text import text_of
from .words import Words

_SCRIPT = """
(function(){var box=document.getElementById("BOX");if(!box||box.dataset.ready)return;box.dataset.ready=1;
var svg=box.querySelector("svg"),frames=svg.querySelectorAll("g.f"),slider=box.querySelector("input"),
button=box.querySelector("button"),at=box.querySelector("output"),timer=null,now=0;
function show(i){frames[now].classList.remove("on");now=(i+frames.length)%frames.length;
frames[now].classList.add("on");slider.value=now;at.textContent=(now+1)+" / "+frames.length;}
function stop(){clearInterval(timer);timer=null;button.textContent="\\u25b6";}
function play(){timer=setInterval(function(){if(!document.contains(box))return stop();show(now+1);},900);
button.textContent="\\u275a\\u275a";}
slider.max=frames.length-1;svg.classList.add("still");box.querySelector(".steps").hidden=false;
slider.addEventListener("input",function(){stop();show(+slider.value);});
button.addEventListener("click",function(){timer?stop():play();});
show(0);if(!matchMedia("(prefers-reduced-motion: reduce)").matches)play();else stop();})();
"""
_STYLE = """
#BOX svg{max-width:100%;height:auto}
#BOX .steps{display:flex;gap:10px;align-items:center;max-width:640px;margin:6px 0}
#BOX .steps[hidden]{display:none}
#BOX .steps input{flex:1}
#BOX .steps button{width:40px;font:14px system-ui,sans-serif}
#BOX .steps output{font:13px ui-monospace,monospace;min-width:70px;text-align:right}
#BOX pre{font:13px/1.45 ui-monospace,Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK SC",monospace;
white-space:pre;overflow-x:auto}
"""
_PAGE_STYLE = """
:root{color-scheme:light dark}
body{margin:20px;background:#fff;color:#15191f}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e8ecf2}}
"""


def fragment(facts: Facts, say: Words) -> str:
    """What a notebook shows: picture, slider, text."""
    canvas = picture(facts, say)
    box = f"{canvas.name}-box"
    steps, script = "", ""
    if len(canvas.frames) > 1:
        steps = (
            f'<div class="steps" hidden><button type="button" aria-label="{escape(say("play or stop"))}"></button>'
            f'<input type="range" min="0" value="0" aria-label="{escape(say("step"))}"><output></output></div>'
        )
        script = f"<script>{_SCRIPT.replace('BOX', box)}</script>"
    text = f"<pre>{escape(text_of(facts, say), quote=False)}</pre>"
    style = f"<style>{_STYLE.replace('BOX', box)}</style>"
    return f'<div id="{box}">{style}{canvas.svg()}{steps}{text}{script}</div>'


def page(facts: Facts, say: Words) -> str:
    """A whole file."""
    title = escape(" ".join(facts.asked.text.split()))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    language = {"zh": "zh-Hans"}.get(say.language, say.language)
    head = f"<head>{head}<style>{_PAGE_STYLE}</style></head>"
    return f'<!DOCTYPE html>\n<html lang="{language}">{head}<body>\n{fragment(facts, say)}\n</body></html>'
