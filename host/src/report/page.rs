//! The page around the pictures: HTML and its style sheet.
//!
//! Invariant: text of a caller reaches the page through [`escape`] only, in element content or a quoted attribute.

use std::fmt::Write as _;

use super::plot::{self, Key, KeyShape, Picture};
use super::{Body, Chart, Report, Section, Table, Width};

/// Returns `text` fit for element content and for a double-quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters have no place in HTML; a page that shows where they were beats one that is cut short.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\x7f' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns the whole page.
pub(super) fn render(report: &Report) -> String {
    let title = escape(&report.title);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n<main>\n",
        ink_style()
    );
    html.push_str(&format!("<header>\n<h1>{title}</h1>\n"));
    if !report.subtitle.is_empty() {
        html.push_str(&format!("<p>{}</p>\n", escape(&report.subtitle)));
    }
    html.push_str("</header>\n");
    html.push_str(&facts(report));
    for part in &report.sections {
        html.push_str(&section(part));
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn facts(report: &Report) -> String {
    if report.facts.is_empty() {
        return String::new();
    }
    let mut html = String::from("<dl class=\"facts\">\n");
    for fact in &report.facts {
        let (label, value) = (escape(&fact.label), escape(&fact.value));
        html.push_str(&format!("<div class=\"card\"><dt>{label}</dt><dd class=\"value\">{value}</dd>"));
        if !fact.note.is_empty() {
            html.push_str(&format!("<dd class=\"note\">{}</dd>", escape(&fact.note)));
        }
        html.push_str("</div>\n");
    }
    html.push_str("</dl>\n");
    html
}

fn section(section: &Section) -> String {
    let class = if section.width == Width::Half { "card half" } else { "card" };
    let mut html = format!("<section class=\"{class}\">\n<h2>{}</h2>\n", escape(&section.heading));
    for paragraph in section.text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        html.push_str(&format!("<p>{}</p>\n", escape(paragraph)));
    }
    match &section.body {
        Body::Chart(chart) => html.push_str(&figure(&section.heading, chart, section.width)),
        Body::Table(content) => html.push_str(&table(content)),
        Body::Text => {}
    }
    html.push_str("</section>\n");
    html
}

fn figure(heading: &str, chart: &Chart, width: Width) -> String {
    let Picture { svg, legend, notes } = plot::draw(chart, width);
    let mut html = String::from("<figure>\n");
    if !legend.is_empty() {
        html.push_str("<ul class=\"legend\">");
        html.extend(legend.iter().map(legend_entry));
        html.push_str("</ul>\n");
    }
    match svg {
        Some(svg) => {
            let class = if width == Width::Half { "picture narrow" } else { "picture" };
            html.push_str(&format!("<div class=\"{class}\">{}</div>\n", named_svg(&svg, heading)));
        }
        None => html.push_str("<div class=\"empty\">no data</div>\n"),
    }
    if !notes.is_empty() {
        html.push_str(&format!("<figcaption>{}</figcaption>\n", escape(&notes.join(" "))));
    }
    html.push_str("</figure>\n");
    html
}

fn legend_entry(key: &Key) -> String {
    let shape = match key.shape {
        KeyShape::Line => "line",
        KeyShape::Area => "area",
        KeyShape::Up => "up",
        KeyShape::Down => "down",
    };
    format!("<li><i class=\"{shape}\" style=\"background:var(--{})\"></i>{}</li>", key.ink.name, escape(&key.text))
}

/// Takes the fixed size off the picture, so that it fills its panel, and names it for a screen reader.
fn named_svg(svg: &str, name: &str) -> String {
    let rest = svg.find(" viewBox").map_or(svg, |at| &svg[at..]);
    format!("<svg role=\"img\" aria-label=\"{}\"{rest}", escape(name))
}

fn table(table: &Table) -> String {
    if table.rows.is_empty() {
        return "<div class=\"empty\">no data</div>\n".to_string();
    }
    let class = |index: usize| {
        if table.columns.get(index).is_some_and(|column| column.is_number) { " class=\"number\"" } else { "" }
    };
    let mut html = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
    for (index, column) in table.columns.iter().enumerate() {
        html.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(index), escape(&column.heading)));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        html.push_str("<tr>");
        for index in 0..row.len().max(table.columns.len()) {
            let cell = row.get(index).map_or("", String::as_str);
            html.push_str(&format!("<td{}>{}</td>", class(index), escape(cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// Returns the inks as variables, light and dark, and the rules that put a variable where a picture has the light shade.
fn ink_style() -> String {
    let hex = |(red, green, blue): (u8, u8, u8)| format!("#{red:02X}{green:02X}{blue:02X}");
    let (mut light, mut dark, mut rules) = (String::new(), String::new(), String::new());
    for ink in plot::inks() {
        let (name, shade) = (ink.name, hex(ink.light));
        // Writing to a string cannot fail.
        let _ = write!(light, "--{name}:{shade};");
        let _ = write!(dark, "--{name}:{};", hex(ink.dark));
        let _ = writeln!(
            rules,
            "svg [fill=\"{shade}\"]{{fill:var(--{name})}}svg [stroke=\"{shade}\"]{{stroke:var(--{name})}}"
        );
    }
    format!(":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{rules}")
}

const STYLE: &str = "\
:root{--page:#f3f5f8;--card:#ffffff;--edge:#dfe4ea;--text:#18202b;--soft:#5b6675;--shade:#f7f9fb}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--card:#161b22;--edge:#272f3a;--text:#e4e9f0;--soft:#9aa7b7;--shade:#1b2129}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1130px;margin:0 auto;padding:28px 20px 48px;display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}
main>*{grid-column:1/-1;margin:0;min-width:0}
main>.half{grid-column:span 1}
header h1{margin:0;font-size:26px;line-height:1.2;letter-spacing:-.015em;font-weight:650}
header p{margin:6px 0 4px;color:var(--soft);overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:18px 22px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px}
.facts .card{padding:14px 16px}
.facts dt{color:var(--soft);font-size:13px}
.facts dd{margin:0}
.facts .value{font-size:20px;line-height:1.4;font-weight:620;letter-spacing:-.01em;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.facts .note{color:var(--soft);font-size:12.5px;line-height:1.4}
h2{margin:0 0 4px;font-size:17px;line-height:1.35;font-weight:620;letter-spacing:-.005em}
section p{margin:0 0 8px;max-width:92ch;color:var(--soft)}
figure{margin:12px 0 0}
.picture{overflow-x:auto}
svg{display:block;width:100%;min-width:860px;height:auto}
.narrow svg{min-width:420px}
svg text{font-family:inherit;font-variant-numeric:tabular-nums}
svg polyline{stroke-linejoin:round;stroke-linecap:round}
figcaption{margin-top:8px;color:var(--soft);font-size:12.5px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0 0 10px;padding:0;list-style:none;font-size:13px}
.legend li{display:flex;align-items:center;gap:7px}
.legend i{flex:none;width:18px;height:3px;border-radius:2px}
.legend .area{height:12px;opacity:.45}
.legend .up,.legend .down{width:12px;height:11px;border-radius:0}
.legend .up{clip-path:polygon(50% 0,100% 100%,0 100%)}
.legend .down{clip-path:polygon(0 0,100% 0,50% 100%)}
.empty{padding:44px 0;text-align:center;color:var(--soft);background:var(--shade);border:1px dashed var(--edge);border-radius:8px}
.scroll{overflow-x:auto;margin-top:10px}
table{width:100%;border-collapse:collapse;font-size:14px}
th,td{padding:7px 14px 7px 0;text-align:left;border-bottom:1px solid var(--edge);vertical-align:baseline}
th{color:var(--soft);font-size:12.5px;font-weight:550;white-space:nowrap}
tbody tr:last-child td{border-bottom:0}
th:last-child,td:last-child{padding-right:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody tr:hover{background:var(--shade)}
@media (max-width:860px){main>.half{grid-column:1/-1}main{padding:18px 12px 32px;gap:12px}.card{padding:14px}}
@media print{body{background:none}.card{break-inside:avoid}}
";
