#include "agents/row_seed.h"

#include <gtest/gtest.h>

#include <set>

namespace hotlap::agents {
namespace {

TEST(RowSeedTest, NeighbouringTrainingsShareNoSeeds) {
  // As many as a training has rows, at most.
  constexpr std::uint64_t kRows = 65536;
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) firsts.insert(FirstRowSeed(seed));
  EXPECT_EQ(firsts.size(), 1000u);
  std::uint64_t before = 0;
  for (const std::uint64_t first : firsts) {
    EXPECT_GT(first - before, kRows);
    before = first;
  }
  EXPECT_LT(before, std::uint64_t{1} << 62);
}

}  // namespace
}  // namespace hotlap::agents
