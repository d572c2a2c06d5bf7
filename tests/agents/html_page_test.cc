#include "agents/html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "agents/run_picture.h"
#include "agents/track_picture.h"
#include "tests/agents/well_formed.h"

namespace hotlap::agents {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kDoctype = "<!DOCTYPE html>\n";

std::string Page(const HtmlPage& page) {
  std::ostringstream out;
  WriteHtml(out, page);
  EXPECT_TRUE(out.str().starts_with(kDoctype));
  return out.str().substr(kDoctype.size());
}

TEST(HtmlPageTest, EscapesEveryText) {
  const std::string nasty = "<script>alert(\"1\")</script>&'\x01";
  HtmlSection section;
  section.title = section.paragraphs.emplace_back(nasty);
  section.tables = {{nasty, {nasty, "b"}, {{"1", nasty}}}};
  const std::string page = Page({nasty, {section, section}});
  ExpectWellFormed(page);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_EQ(Count(page, "&lt;script&gt;"), 2u + 2 * 6) << "nowhere left out";
}

TEST(HtmlPageTest, ShowsPicturesAsTheyAre) {
  const std::vector<PicturePanel> panels(1);
  std::ostringstream lines, runs;
  WritePicture(lines, "lines", panels);
  const agents::Run run;
  WriteRunPicture(runs, "runs", std::vector<NamedRun>{{"one", &run}}, nullptr, {});
  const std::string page = Page(
      {"page",
       {{.title = "s", .paragraphs = {}, .tables = {}, .pictures = {lines.str(), runs.str()}}}});
  ExpectWellFormed(page);
  EXPECT_THAT(page, Not(HasSubstr("<?xml"))) << "a page has no declaration inside";
  EXPECT_THAT(page, HasSubstr(runs.str()));
}

TEST(HtmlPageTest, NeedsNothingFromOutsideAndSaysSo) {
  const std::string page = Page({"page", {{.title = "a"}, {.title = "b"}}});
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_EQ(Count(page, "http"), 1u) << "http-equiv";
  EXPECT_EQ(Count(page, "href=\"#s"), 2u);
  EXPECT_EQ(Count(page, "href"), 2u);
}

TEST(HtmlPageTest, SaysNothingOfTheOnlySection) {
  EXPECT_THAT(Page({"page", {{.title = "a"}}}), Not(HasSubstr("<nav>")));
  ExpectWellFormed(Page({"page", {}}));
}

}  // namespace
}  // namespace hotlap::agents
