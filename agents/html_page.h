// One HTML page that needs nothing but itself: texts, tables and pictures.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace hotlap::agents {

// Texts may be anybody's: they are escaped. The first column is text, the others are set like
// numbers.
struct HtmlTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // each as long as columns
};

struct HtmlSection {
  std::string title;
  std::vector<std::string> paragraphs{};
  std::vector<HtmlTable> tables{};
  // SVG as WritePicture and WriteRunPicture give it: written as it stands, so never from outside.
  std::vector<std::string> pictures{};
};

struct HtmlPage {
  std::string title;
  std::vector<HtmlSection> sections;  // with a list of links to them where there are several
};

// No scripts, no links to anywhere else, and a policy in the page that forbids both.
void WriteHtml(std::ostream& out, const HtmlPage& page);

}  // namespace hotlap::agents
