#include "agents/html_page.h"

#include <cassert>
#include <string_view>

#include "agents/svg.h"

namespace hotlap::agents {
namespace {

constexpr const char* kStyle =
    "body{margin:0 auto;max-width:1240px;padding:24px;background:#10161d;color:#c9d4e0;"
    "font:15px/1.5 'Inter','Segoe UI','Helvetica Neue',Arial,sans-serif}"
    "h1{font-size:26px;color:#f2f6fa}h2{font-size:20px;color:#f2f6fa;margin-top:40px}"
    "h3{font-size:15px;margin:24px 0 6px}a{color:#56b4e9}nav a{margin-right:14px}"
    "div{overflow-x:auto}table{border-collapse:collapse;font-size:14px}"
    "th,td{padding:4px 12px;border-bottom:1px solid #242f3b;text-align:right;white-space:nowrap}"
    "th{color:#93a4b5;font-weight:600}th:first-child,td:first-child{text-align:left}"
    "svg{display:block;width:100%;height:auto;margin:16px 0}";

void WriteElement(std::ostream& out, std::string_view name, std::string_view text) {
  out << '<' << name << '>' << EscapeXml(text) << "</" << name << '>';
}

void WriteRow(std::ostream& out, std::string_view cell, const std::vector<std::string>& texts) {
  out << "<tr>";
  for (const std::string& text : texts) WriteElement(out, cell, text);
  out << "</tr>\n";
}

void WriteTable(std::ostream& out, const HtmlTable& table) {
  if (!table.title.empty()) WriteElement(out, "h3", table.title);
  out << "\n<div><table>\n<thead>";
  WriteRow(out, "th", table.columns);
  out << "</thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    assert(row.size() == table.columns.size());
    WriteRow(out, "td", row);
  }
  out << "</tbody>\n</table></div>\n";
}

// Without the declaration of a file of its own.
std::string_view Inline(std::string_view svg) { return svg.substr(svg.find("<svg")); }

}  // namespace

void WriteHtml(std::ostream& out, const HtmlPage& page) {
  out << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "style-src 'unsafe-inline'\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width\"/>\n";
  WriteElement(out, "title", page.title);
  out << "\n<style>" << kStyle << "</style>\n</head>\n<body>\n";
  WriteElement(out, "h1", page.title);
  if (page.sections.size() > 1) {
    out << "\n<nav>";
    for (std::size_t i = 0; i < page.sections.size(); ++i) {
      out << "<a href=\"#s" << i << "\">" << EscapeXml(page.sections[i].title) << "</a>\n";
    }
    out << "</nav>";
  }
  for (std::size_t i = 0; i < page.sections.size(); ++i) {
    const HtmlSection& section = page.sections[i];
    out << "\n<section id=\"s" << i << "\">\n";
    WriteElement(out, "h2", section.title);
    for (const std::string& paragraph : section.paragraphs) {
      out << '\n';
      WriteElement(out, "p", paragraph);
    }
    for (const HtmlTable& table : section.tables) WriteTable(out, table);
    for (const std::string& picture : section.pictures) out << Inline(picture);
    out << "</section>";
  }
  out << "\n</body>\n</html>\n";
}

}  // namespace hotlap::agents
