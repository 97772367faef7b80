"""The style sheet of the report."""

from __future__ import annotations

__all__ = ["CSS"]

CSS = """
*{box-sizing:border-box}
body{margin:0;background:#f7f6f2;color:#22313a;font:15px/1.5 var(--font)}
header{padding:28px clamp(14px,4vw,48px) 10px;background:#173042;color:#f4f1e8}
h1{margin:0 0 6px;font-size:clamp(20px,3.2vw,30px);font-weight:650;line-height:1.25}
header p{margin:2px 0;color:#c6d3da}
nav{position:sticky;top:0;z-index:9;display:flex;gap:18px;overflow-x:auto;white-space:nowrap;
 padding:10px clamp(14px,4vw,48px);background:#173042;border-top:1px solid #2b4a5e}
nav a{color:#dfe8ec;text-decoration:none;font-size:14px}
nav a:hover{text-decoration:underline}
main{max-width:1240px;margin:0 auto;padding:14px clamp(10px,3vw,32px) 60px}
section{margin:16px 0;padding:16px clamp(12px,2vw,22px);background:#fff;border:1px solid #e6e3da;
 border-radius:8px;scroll-margin-top:52px}
h2{margin:0 0 8px;font-size:18px;font-weight:650}
.note{margin:0 0 8px;color:#5d6b73;font-size:13.5px;max-width:90ch}
.foot{margin:6px 0 0;color:#87919a;font-size:12px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(205px,1fr));gap:10px}
.card{padding:12px 14px;border:1px solid #e6e3da;border-radius:8px;background:#fcfbf8}
.card b{display:block;font-size:22px;font-weight:650;line-height:1.3;
 font-variant-numeric:tabular-nums}
.card span{display:block;font-size:13px;color:#5d6b73}
.card small{display:block;font-size:12px;color:#87919a}
.cards+.note{margin-top:10px}
.scroll{overflow-x:auto}.scroll+.scroll{margin-top:14px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{padding:5px 9px;border-bottom:1px solid #eceae4;text-align:right;white-space:nowrap}
th{color:#5d6b73;font-weight:600}
td.t,th.t{text-align:left}
td.w{white-space:normal;min-width:220px;overflow-wrap:anywhere}
tr.sum td{font-weight:650;border-top:2px solid #d8d5cc}
.range{color:#7a5c12}.range small{color:#87919a}
.ok{color:#2f7d4a}.bad{color:#b03a3a}
.grade{display:inline-block;padding:0 7px;border-radius:9px;font-size:12px}
.g-assumed{background:#f7d9cf}.g-estimated{background:#f6ebc8}
.g-published{background:#dbe9f1}.g-measured{background:#dcefdd}
details{margin-top:8px}summary{cursor:pointer;color:#2f6f9f}
.banner{margin:8px 0 0;padding:7px 11px;border-left:3px solid #d9a441;background:#fbf4e2;
 color:#4d4327;font-size:13.5px}
.figure{width:100%;overflow:hidden}
.save{position:relative;display:flex;gap:6px;justify-content:flex-end;padding:2px 0 4px;
 background:#fff}
.save button{padding:1px 8px;border:1px solid #d8d5cc;border-radius:9px;background:#fcfbf8;
 color:#5d6b73;font:11px/1.6 var(--font);cursor:pointer}
.save button:hover,.save button:focus-visible{background:#dbe9f1;color:#173042}
.map .plotly-graph-div{width:100%!important;height:auto!important;aspect-ratio:1.28}
ul{margin:4px 0;padding-left:20px}
@media(max-width:600px){body{font-size:14px}section{margin:10px 0;padding:12px 10px}
 .cards{grid-template-columns:1fr 1fr}.card b{font-size:17px}.card{padding:9px 10px}}
@media print{nav,.save{display:none}section{break-inside:avoid}}
"""
