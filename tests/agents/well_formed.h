// What a test may ask of a picture or page that must be well-formed XML.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace hotlap::agents {

inline std::size_t Count(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

// What is between < and >, checked: a name, then attributes in double quotes. Gives the name, with
// a leading / for an end tag and a trailing / for an element without content; empty when malformed.
inline std::string TagName(const std::string& tag) {
  const auto is_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-';
  };
  std::size_t at = tag.starts_with('/') ? 1 : 0;
  while (at < tag.size() && is_name(tag[at])) ++at;
  std::string name = tag.substr(0, at);
  while (at < tag.size() && tag[at] == ' ') {
    while (at < tag.size() && tag[at] == ' ') ++at;
    while (at < tag.size() && is_name(tag[at])) ++at;
    if (tag.compare(at, 2, "=\"") != 0) return "";
    at = tag.find('"', at + 2);
    if (at == std::string::npos) return "";
    ++at;
  }
  if (tag.substr(at) == "/") return name + '/';
  return at == tag.size() ? name : "";
}

inline bool IsEntity(std::string_view text) {
  for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
    if (text.starts_with(entity)) return true;
  }
  return false;
}

// Elements closed in the order in which they were opened, attributes quoted, entities known, and
// nothing that XML forbids. The declaration may be left out.
inline void ExpectWellFormed(const std::string& xml) {
  const std::string declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  std::vector<std::string> open;
  for (std::size_t at = xml.starts_with(declaration) ? declaration.size() : 0; at < xml.size();
       ++at) {
    ASSERT_TRUE(xml[at] == '\n' || static_cast<unsigned char>(xml[at]) >= 0x20);
    if (xml[at] == '&') {
      ASSERT_TRUE(IsEntity(xml.substr(at, 8))) << xml.substr(at, 8);
    }
    if (xml[at] != '<') continue;
    const std::size_t end = xml.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    const std::string name = TagName(tag);
    ASSERT_FALSE(name.empty()) << tag;
    if (name.starts_with('/')) {
      ASSERT_FALSE(open.empty()) << tag;
      ASSERT_EQ(open.back(), name.substr(1));
      open.pop_back();
    } else if (!name.ends_with('/')) {
      open.push_back(name);
    }
    at = end;
  }
  EXPECT_TRUE(open.empty());
}

}  // namespace hotlap::agents
