#include "agents/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace hotlap::agents {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

template <class Read>
void ExpectError(const Read& read, const std::string& text) {
  EXPECT_THAT(read, ThrowsMessage<std::runtime_error>(HasSubstr(text)));
}

TEST(RecordTest, WholeNumbersAreHeldToTheirRange) {
  const json object{{"n", 5},
                    {"less", -5},
                    {"huge", std::numeric_limits<std::uint64_t>::max()},
                    {"half", 0.5},
                    {"text", "5"}};
  EXPECT_EQ(UnpackInt(object, "n", 5, 5), 5);
  EXPECT_EQ(UnpackInt(object, "less", -5, 0), -5);
  ExpectError([&] { UnpackInt(object, "n", 0, 4); }, "'n' is no whole number in [0, 4]");
  ExpectError([&] { UnpackInt(object, "less", 0, 4); }, "'less'");
  ExpectError([&] { UnpackInt(object, "half", 0, 4); }, "'half'");
  ExpectError([&] { UnpackInt(object, "text", 0, 9); }, "'text'");
  ExpectError([&] { UnpackInt(object, "none", 0, 9); }, "'none' is missing");
  ExpectError(
      [&] {
        UnpackInt(object, "huge", std::numeric_limits<std::int64_t>::min(),
                  std::numeric_limits<std::int64_t>::max());
      },
      "'huge'");
}

TEST(RecordTest, NumbersAreFinite) {
  const json object{{"half", 0.5},
                    {"whole", 2},
                    {"nan", std::numeric_limits<double>::quiet_NaN()},
                    {"text", "1"}};
  EXPECT_EQ(UnpackNumber(object, "half"), 0.5);
  EXPECT_EQ(UnpackNumber(object, "whole"), 2);
  ExpectError([&] { UnpackNumber(object, "nan"); }, "'nan' is no finite number");
  ExpectError([&] { UnpackNumber(object, "text"); }, "'text'");
}

TEST(RecordTest, SixtyFourBitsAreSixteenDigits) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{0xFEDCBA9876543210u},
                                    std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_EQ(UnpackHex(json{{"h", Hex(value)}}, "h"), value);
  }
  for (const char* text : {"", "123", "00000000000000000", "000000000000000g", "-000000000000001",
                           "0x00000000000000", " 000000000000000"}) {
    ExpectError([&] { UnpackHex(json{{"h", text}}, "h"); }, "'h' is no 16 hexadecimal digits");
  }
}

TEST(RecordTest, ArraysComeBackAndHaveExactlyTheirSize) {
  const json object{{"a", PackArray(std::vector{1.5, -2.0})}, {"list", {1.5, -2.0}}};
  EXPECT_THAT(UnpackArray<double>(object, "a", 2), ElementsAre(1.5, -2));
  EXPECT_EQ(UnpackArray<float>(object, "a", 4).size(), 4u);
  ExpectError([&] { UnpackArray<double>(object, "a", 3); }, "'a' has 16 bytes instead of 24");
  ExpectError([&] { UnpackArray<double>(object, "list", 2); }, "'list' is no array of bytes");
  ExpectError([&] { UnpackArray<double>(json(3), "a", 2); }, "'a' is missing");
}

TEST(RecordTest, FiniteArraysAreOnly) {
  const json object{{"a", PackArray(std::vector{1.0f, std::numeric_limits<float>::infinity()})}};
  EXPECT_EQ(UnpackArray<float>(object, "a", 2)[0], 1);
  ExpectError([&] { UnpackFinite<float>(object, "a", 2); }, "'a' has values that are not finite");
}

}  // namespace
}  // namespace hotlap::agents
