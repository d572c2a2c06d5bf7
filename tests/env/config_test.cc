#include "env/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include "tests/test_size.h"

namespace hotlap {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ErrorOf(const std::function<void()>& read) {
  try {
    read();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

std::string ErrorOf(const std::string& text, const std::function<void(const ConfigMap&)>& read) {
  return ErrorOf([&] { read(ConfigMap::Parse(text, "t.yaml")); });
}

TEST(ConfigTest, ReadsEveryType) {
  const ConfigMap config = ConfigMap::Parse(R"(
number: 1.5
exponent: -2e-3
count: +7
flag: true
text: some words
quoted: "12"
choice: red
duration: 0.07
wait: 0.0015
numbers: [1, 2.5]
words: [a, "b"]
points: [[1, 2, 3], [4, 5, 6]]
maps: [{x: 1}, {x: 2}]
map: {inner: 3}
)",
                                            "t.yaml");
  EXPECT_EQ(config.Float("number", 0, 2), 1.5f);
  EXPECT_EQ(config.Float("exponent", -1, 0), -0.002f);
  EXPECT_EQ(config.Int("count", 0, 10), 7);
  EXPECT_TRUE(config.Bool("flag"));
  EXPECT_EQ(config.String("text"), "some words");
  EXPECT_EQ(config.String("quoted"), "12");
  EXPECT_EQ(config.Choice("choice", {"blue", "red"}), 1u);
  EXPECT_EQ(config.Ticks("duration", 0, 1), 7);
  EXPECT_EQ(config.Milliseconds("wait", 0, 1), milliseconds(2)) << "to the nearest";
  EXPECT_THAT(config.Floats("numbers", 1, 2, 0, 3), ElementsAre(1.0f, 2.5f));
  EXPECT_THAT(config.Strings("words", 0, 5), ElementsAre("a", "b"));
  EXPECT_THAT(config.Points("points", 1, 9, 100), ElementsAre(Vec3{1, 2, 3}, Vec3{4, 5, 6}));
  const auto maps = config.Maps("maps", 1, 2);
  ASSERT_EQ(maps.size(), 2u);
  EXPECT_EQ(maps[1].Int("x", 0, 9), 2);
  EXPECT_EQ(maps[0].Int("x", 0, 9), 1);
  EXPECT_EQ(config.Map("map").Int("inner", 0, 9), 3);
  EXPECT_NO_THROW(config.Finish());
}

TEST(ConfigTest, MissingKeyTakesTheFallback) {
  const ConfigMap config = ConfigMap::Parse("", "t.yaml");
  EXPECT_EQ(config.Float("a", 0, 1, 0.5f), 0.5f);
  EXPECT_EQ(config.Int("b", 0, 1, 1), 1);
  EXPECT_EQ(config.Ticks("c", 0, 1, 12), 12);
  EXPECT_EQ(config.String("d", "x"), "x");
  EXPECT_FALSE(config.Bool("e", false));
  EXPECT_EQ(config.Map("f").Int("g", 0, 9, 4), 4);
  EXPECT_FALSE(config.Has("a"));
}

TEST(ConfigTest, EmptyMapHasItsDefaults) {
  const ConfigMap config = ConfigMap::Parse("rules:\n", "t.yaml");
  EXPECT_EQ(config.Map("rules").Int("x", 0, 9, 4), 4);
}

TEST(ConfigTest, ErrorNamesFileLineKeyAndWhatIsAllowed) {
  const std::string text = "a: 1\nouter:\n  inner: 11\n";
  EXPECT_EQ(ErrorOf(text, [](const ConfigMap& c) { c.Map("outer").Int("inner", 0, 10); }),
            "t.yaml:3: outer.inner: '11'; allowed: an integer in [0, 10]");
}

TEST(ConfigTest, ErrorNamesTheElementOfAList) {
  EXPECT_EQ(
      ErrorOf("xs:\n  - 1\n  - fast\n", [](const ConfigMap& c) { c.Floats("xs", 0, 9, 0, 2); }),
      "t.yaml:3: xs[1]: 'fast'; allowed: a number in [0, 2]");
}

TEST(ConfigTest, MissingKeyIsAnError) {
  EXPECT_EQ(ErrorOf("m:\n  a: 1\n", [](const ConfigMap& c) { c.Map("m").Float("b", 0, 1); }),
            "t.yaml:1: m: the key 'b' is missing");
}

TEST(ConfigTest, UnknownKeyNamesThoseThatAreAllowed) {
  const auto read = [](const ConfigMap& c) {
    c.Map("m").Int("depth", 0, 9, 1);
    c.Map("m").Int("width", 0, 9, 1);
    c.Finish();
  };
  EXPECT_EQ(ErrorOf("m:\n  depth: 2\n  widht: 3\n", read),
            "t.yaml:3: m.widht: unknown key; allowed: depth, width");
  EXPECT_EQ(ErrorOf("m:\n  depth: 2\n", read), "no error");
}

TEST(ConfigTest, UnknownKeyInAMapOfAListIsFound) {
  const auto read = [](const ConfigMap& c) {
    for (const ConfigMap& m : c.Maps("ms", 0, 9)) m.Int("x", 0, 9);
    c.Finish();
  };
  EXPECT_EQ(ErrorOf("ms:\n - x: 1\n - x: 1\n   y: 2\n", read),
            "t.yaml:4: ms[1].y: unknown key; allowed: x");
}

TEST(ConfigTest, WrongTypesAreErrors) {
  const auto number = [](const ConfigMap& c) { c.Float("x", 0, 1); };
  for (const char* text : {"x: yes", "x: '0.5'", "x: [0.5]", "x: {a: 1}", "x: .nan", "x: .inf",
                           "x: 0x1", "x: 0.5m", "x: 1e999", "x: \"\"", "x:"}) {
    EXPECT_THAT(ErrorOf(text, number), StartsWith("t.yaml:1: x: ")) << text;
  }
  EXPECT_THAT(ErrorOf("x: 1.5", [](const ConfigMap& c) { c.Int("x", 0, 9); }),
              HasSubstr("an integer in [0, 9]"));
  EXPECT_THAT(ErrorOf("x: 99999999999", [](const ConfigMap& c) { c.Int("x", 0, 9); }),
              HasSubstr("an integer in [0, 9]"));
  EXPECT_THAT(ErrorOf("x: 1", [](const ConfigMap& c) { c.Bool("x"); }), HasSubstr("true, false"));
  EXPECT_THAT(ErrorOf("x: [a]", [](const ConfigMap& c) { c.String("x"); }), HasSubstr("a text"));
  EXPECT_THAT(ErrorOf("x: 1", [](const ConfigMap& c) { c.Map("x"); }), HasSubstr("a map"));
  EXPECT_THAT(ErrorOf("x: 1", [](const ConfigMap& c) { c.Strings("x", 0, 9); }),
              HasSubstr("a list"));
  EXPECT_THAT(ErrorOf("x: [1]", [](const ConfigMap& c) { c.Maps("x", 0, 9); }),
              HasSubstr("x[0]: is a single value; allowed: a map"));
  EXPECT_THAT(ErrorOf("x: [[1, 2]]", [](const ConfigMap& c) { c.Points("x", 0, 9, 1); }),
              HasSubstr("x[0]: must be a point"));
  EXPECT_THAT(ErrorOf("x: [1, 2, 3]", [](const ConfigMap& c) { c.Floats("x", 0, 2, 0, 9); }),
              HasSubstr("has 3 elements; allowed: a list of 0 to 2 elements"));
  EXPECT_THAT(ErrorOf("x: green",
                      [](const ConfigMap& c) {
                        c.Choice("x", {"red", "blue"});
                      }),
              HasSubstr("'green'; allowed: red, blue"));
  EXPECT_THAT(ErrorOf("[1, 2]", [](const ConfigMap&) {}), HasSubstr("must be a map"));
}

TEST(ConfigTest, DurationsAreWholeTicks) {
  const auto ticks = [](const std::string& text) {
    return ConfigMap::Parse("t: " + text, "t.yaml").Ticks("t", 0, 86400);
  };
  EXPECT_EQ(ticks("0.29"), 29) << "0.29 * 100 is not 29 in binary";
  EXPECT_EQ(ticks("86399.99"), 8639999);
  EXPECT_EQ(ticks("0"), 0);
  EXPECT_EQ(ErrorOf([&] { ticks("0.015"); }),
            "t.yaml:1: t: '0.015' is no multiple of 10 ms; allowed: a number in [0, 86400] s, a "
            "multiple of 0.01 s");
  EXPECT_THAT(ErrorOf([&] { ticks("-0.01"); }), HasSubstr("[0, 86400] s"));
}

TEST(ConfigTest, CallersCanRefuseAValueByItsPlace) {
  EXPECT_EQ(ErrorOf("a: 1\nb: 2\n", [](const ConfigMap& c) { c.Fail("b", "must be above a"); }),
            "t.yaml:2: b: must be above a");
}

TEST(ConfigTest, SyntaxErrorNamesTheLine) {
  EXPECT_THAT(ErrorOf("a: 1\nb: [1, 2\n", [](const ConfigMap&) {}), StartsWith("t.yaml:"));
  EXPECT_THAT(ErrorOf("a: 1\n b: 2\n", [](const ConfigMap&) {}), StartsWith("t.yaml:2: "));
}

TEST(ConfigTest, KeyGivenTwiceIsAnError) {
  EXPECT_EQ(ErrorOf("a: 1\nb: 2\na: 3\n", [](const ConfigMap&) {}),
            "t.yaml:3: the key 'a' is given twice");
}

TEST(ConfigTest, AnchorsAliasesTagsAndFurtherDocumentsAreRefused) {
  const auto nothing = [](const ConfigMap&) {};
  EXPECT_THAT(ErrorOf("a: &x 1\nb: *x\n", nothing), HasSubstr("not allowed"));
  EXPECT_THAT(ErrorOf("a: &x [1]\nb: [*x, *x]\n", nothing), HasSubstr("not allowed"));
  EXPECT_THAT(ErrorOf("a: !thing 1\n", nothing), HasSubstr("tags"));
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 2\n", nothing), HasSubstr("more than one document"));
}

TEST(ConfigTest, DeepNestingIsRefused) {
  const auto nothing = [](const ConfigMap&) {};
  const auto nested = [](const std::string& open, const std::string& close, int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += open;
    text += "1";
    for (int i = 0; i < depth; ++i) text += close;
    return "x:\n " + text;
  };
  EXPECT_EQ(ErrorOf(nested("[", "]", 15), nothing), "no error");
  for (const int depth : {16, 1000, 100000}) {
    for (const auto& [open, close] : {std::pair{"[", "]"}, {"{a: ", "}"}, {"- ", ""}}) {
      EXPECT_EQ(ErrorOf(nested(open, close, depth), nothing),
                "t.yaml:2: nested deeper than 16 levels")
          << depth << " times " << open;
    }
  }
  // Never closed.
  for (const char* open : {"[", "{a: "}) {
    EXPECT_THAT(ErrorOf(nested(open, "", 100000), nothing), StartsWith("t.yaml:2: "));
  }
}

TEST(ConfigTest, LargeTextsAndManyKeysAreRefused) {
  const auto nothing = [](const ConfigMap&) {};
  EXPECT_THAT(ErrorOf(std::string(kMaxConfigBytes + 1, '#'), nothing), HasSubstr("larger than"));
  std::string keys;
  for (int i = 0; i < 2000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(ErrorOf(keys, nothing), HasSubstr("more than 1000 keys"));
}

TEST(ConfigTest, FileThatCannotBeReadIsNamed) {
  EXPECT_THAT(ErrorOf([] { ConfigMap::Load("/no/such/file.yaml"); }),
              StartsWith("/no/such/file.yaml: cannot be read"));
  EXPECT_THAT(ErrorOf([] { ConfigMap::Load(::testing::TempDir()); }), HasSubstr("cannot be read"));
}

TEST(ConfigTest, PathsStartAtTheFolderOfTheFile) {
  const std::string file = ::testing::TempDir() + "config_test_paths.yaml";
  std::ofstream(file) << "near: lines/a.npy\nfar: /b.npy\n";
  const ConfigMap config = ConfigMap::Load(file);
  EXPECT_EQ(config.Path("near"), std::filesystem::path(::testing::TempDir()) / "lines/a.npy");
  EXPECT_EQ(config.Path("far"), "/b.npy");
  std::filesystem::remove(file);
}

// Whatever the bytes, the answer is a map or a ConfigError.
TEST(ConfigTest, DamagedTextsGiveErrorsOnly) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string good =
      "ticks_per_step: 5\nreward: {progress: 0.02, time: -0.05}\nobservation:\n  - term: velocity\n"
      "    scale: 0.01\n  - {term: ahead, points: 40}\ntext: |\n  folded\n  lines\n? key\n: "
      "value\n";
  const std::string special = "{}[],:-?&*!|>'\"%@`#\n\t ~";
  for (int i = 0; i < TestCount(200, 3000, 100000); ++i) {
    std::string text = good;
    for (auto k = random() % 6 + 1; k > 0; --k) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.insert(at, 1, special[random() % special.size()]);
          break;
        default:
          text.erase(at, random() % 8);
          text += ' ';
          break;
      }
    }
    try {
      const ConfigMap config = ConfigMap::Parse(text, "t.yaml");
      config.Finish();
    } catch (const ConfigError&) {
    }
  }
}

}  // namespace
}  // namespace hotlap
