// Every fuzz target on its seeds, on what once broke it, and on mutants of both: what a compiler
// without libFuzzer can do in each build.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>

#include "tests/fuzz/fuzz_target.h"
#include "tests/test_size.h"

namespace hotlap::fuzz {
namespace {

class CorpusTest : public ::testing::TestWithParam<Target> {
 protected:
  std::size_t Below(std::size_t limit) { return random_() % limit; }
  // Some bytes, numbers or lengths of it changed, or a part of it doubled or left out.
  Bytes Mutant(Bytes bytes) {
    for (std::size_t changes = 1 + Below(4); changes > 0 && !bytes.empty(); --changes) {
      const std::size_t at = Below(bytes.size());
      const std::size_t length = std::min(1 + Below(16), bytes.size() - at);
      const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      switch (Below(5)) {
        case 0:
          bytes[at] = static_cast<std::byte>(random_());
          break;
        case 1:
          bytes[at] ^= static_cast<std::byte>(1 << Below(8));
          break;
        case 2: {
          constexpr unsigned char kEdges[] = {0, 1, 0x7F, 0x80, 0xFF, '0', '-', '"'};
          std::fill_n(begin, length, static_cast<std::byte>(kEdges[Below(std::size(kEdges))]));
          break;
        }
        case 3:
          bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
          break;
        default: {
          const Bytes part(begin, begin + static_cast<std::ptrdiff_t>(length));
          bytes.insert(begin, part.begin(), part.end());
        }
      }
    }
    bytes.shrink_to_fit();  // a block of its own size, so that a step outside it is seen
    return bytes;
  }

  std::mt19937 random_{static_cast<unsigned>(TestCount(1, 2, 3))};
};

TEST_P(CorpusTest, IsReadWithoutHarm) {
  std::vector<Bytes> corpus = GetParam().seeds();
  ASSERT_FALSE(corpus.empty());
  const std::string folder = "tests/fuzz/" + std::string(GetParam().name);
  for (Bytes& input : FolderBytes(folder, "")) corpus.push_back(std::move(input));
  for (const Bytes& input : corpus) GetParam().run(input);
  GetParam().run({});
  const int mutants = TestCount(300, 1000, 20000);
  for (int i = 0; i < mutants; ++i) GetParam().run(Mutant(corpus[Below(corpus.size())]));
}

INSTANTIATE_TEST_SUITE_P(EveryTarget, CorpusTest,
                         ::testing::ValuesIn(Targets().begin(), Targets().end()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace hotlap::fuzz
