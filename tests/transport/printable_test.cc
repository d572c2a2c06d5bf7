#include "transport/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace hotlap::transport {
namespace {

TEST(PrintableTest, TextOfAnyLanguageIsPrintable) {
  EXPECT_TRUE(IsPrintable(""));
  EXPECT_TRUE(IsPrintable("Ayrton 1"));
  EXPECT_TRUE(
      IsPrintable("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x8f\x81"));  // two, three, four bytes
}

TEST(PrintableTest, ControlCharactersAndWhatIsNoUtf8AreNot) {
  for (const std::string text :
       {"a\nb", "\x1b[31m", "\x7f", "\xc2\x85",  // the last is a control character beyond ASCII
        "\x80", "\xff", "\xc0\xaf",              // no beginning of a character
        "\xe2\x82", "\xe2\x28\xa1",              // cut short, broken off
        "\xe0\x80\xaf", "\xf0\x80\x80\x80",      // longer than need be
        "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {   // half a pair, beyond the last
    EXPECT_FALSE(IsPrintable(text)) << text;
  }
  EXPECT_FALSE(IsPrintable(std::string(1, '\0')));
}

TEST(PrintableTest, MadePrintableReplacesTheRestByteForByteAndCutsBetweenCharacters) {
  EXPECT_EQ(MadePrintable("a\nb\xff", 10), "a?b?");
  EXPECT_EQ(MadePrintable("abc", 2), "ab");
  EXPECT_EQ(MadePrintable("\xe2\x82\xac\xe2\x82\xac", 5), "\xe2\x82\xac");
  EXPECT_EQ(MadePrintable("\xe2\x82", 5), "??");
}

}  // namespace
}  // namespace hotlap::transport
