// SPDX-License-Identifier: Apache-2.0
// The style sheet of the page: one hue and grey, textures instead of colours. Internal to page.cc.
#pragma once

#include <string_view>

namespace birthmark::disclose::page {

inline constexpr std::string_view kStyle = R"css(
*{box-sizing:border-box}
body{font:13px/1.4 system-ui,"DejaVu Sans",Arial,sans-serif;color:#222;background:#fff;margin:12px auto;padding:0 12px;max-width:1120px}
h1{font-size:20px;margin:8px 0}h2{font-size:16px;margin:0;border-top:2px solid #222;padding-top:4px}
h3{font-size:14px;margin:14px 0 2px}h4{font-size:12px;margin:10px 0 2px;font-weight:600}h4 small{font-weight:400;color:#555}
p{margin:0 0 4px;overflow-wrap:anywhere}.how{color:#555;font-size:12px}
section{margin:18px 0}
.banner{border:2px solid #222;padding:4px 8px;background:#eee;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.row{display:grid;gap:0 16px}.row>div{min-width:0}
.c1{grid-template-columns:1fr}.c2{grid-template-columns:repeat(2,1fr)}.c3{grid-template-columns:repeat(3,1fr)}.c4{grid-template-columns:repeat(4,1fr)}.c5{grid-template-columns:repeat(5,1fr)}
.name{font-weight:600;border-bottom:1px solid #999}.r{border:1px solid #222;padding:0 3px;font-weight:400}
.q{color:#555;font-size:11px}
figure{margin:4px 0;break-inside:avoid}
svg{display:block;width:100%;height:auto;print-color-adjust:exact;-webkit-print-color-adjust:exact}
svg.defs{position:absolute;width:0;height:0}
svg.i{display:inline-block;width:20px;height:20px;vertical-align:middle;margin-right:2px}
text{font-family:system-ui,"DejaVu Sans",Arial,sans-serif;fill:#222}.t{font-size:10px}.s{font-size:8.5px;fill:#444}
rect.m,circle.m,path.m{fill:#0b5fa5;stroke:#0b5fa5}
rect.d,circle.d,path.d{fill:url(#hatch);stroke:#0b5fa5}
rect.a,circle.a,path.a{fill:url(#dots);stroke:#0b5fa5}
rect.n,circle.n,path.n{fill:none;stroke:#555;stroke-dasharray:3 2}
rect.g,circle.g,path.g{fill:#bbb;stroke:#555}
rect.k,circle.k,path.k{fill:#444;stroke:#444}
rect.z{fill:#f1f1f1;stroke:none}
rect.x{fill:url(#over);stroke:#333}
rect.o,circle.o,path.o{fill:#fff;stroke:#444}
rect.f,path.f{fill:none;stroke:#444;stroke-width:1.6}
.l{stroke:#999;stroke-width:1;fill:none}.b{stroke:#222;stroke-width:1.4;fill:none}
.l2{stroke:#ccc;stroke-width:1;stroke-dasharray:2 2}
.ar{stroke:#333;stroke-width:1.2;fill:none;marker-end:url(#tip)}
.ap{stroke:#333;stroke-width:1.2;fill:none;stroke-dasharray:4 2.5;marker-end:url(#tip)}
.halo{fill:none;stroke:#fff;stroke-width:4;stroke-linecap:round;stroke-linejoin:round}
.ink{fill:none;stroke:#111;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}
.w{display:inline-block;width:11px;height:11px;margin-right:4px;vertical-align:-1px;border:1px solid #0b5fa5;print-color-adjust:exact;-webkit-print-color-adjust:exact}
i.m{background:#0b5fa5}
i.d{background:repeating-linear-gradient(135deg,#0b5fa5 0 2px,#fff 2px 5px)}
i.a{background:radial-gradient(circle,#0b5fa5 1.2px,#cfe0f0 1.4px) 0 0/5px 5px}
i.n{border:1px dashed #555}i.g{background:#bbb;border-color:#555}
.v{overflow-wrap:anywhere}.v small,.gap small{color:#555}
.legend span{margin-right:12px;white-space:nowrap}.legend{font-size:12px;line-height:1.7}
summary{cursor:pointer}figure>details,details.a{font-size:12px}figure summary{color:#555;font-size:11px}
ul{margin:2px 0 4px;padding-left:16px}li{overflow-wrap:anywhere}
dl{margin:4px 0 8px;padding-left:8px;border-left:2px solid #bbb;font-size:11px}
dt{color:#555}dd{margin:0 0 2px;overflow-wrap:anywhere}
.cells{display:flex;flex-wrap:wrap;gap:2px 10px}.cells>div{min-width:44px}
@media print{body{margin:0;padding:0;max-width:none;font-size:11px}h2,h3,h4{break-after:avoid}.row{break-inside:avoid}.table .row{break-inside:auto}}
)css";
inline constexpr std::string_view kUpright = "@page{size:A4 portrait;margin:12mm}";
inline constexpr std::string_view kAcross = "@page{size:A4 landscape;margin:12mm}";

}  // namespace birthmark::disclose::page
