#include "transport/attached_environment.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

#include "tests/allocation_count.h"
#include "tests/transport/serving.h"

namespace hotlap::transport::attached_environment_test {
namespace {

constexpr int kRows = 9;
constexpr int kWindow = 4;

class AttachedEnvironmentTest : public ::testing::Test {
 protected:
  static Work WorkOf(Request request, const std::vector<std::string>& arrays) {
    Work work{std::move(request), {}};
    for (const std::string& array : arrays) work.arrays.emplace_back(array.data(), array.size());
    return work;
  }
  static Work WorkOf(Operation operation, const std::vector<std::string>& arrays) {
    return WorkOf(SessionRequest(operation, Token{}, 2), arrays);
  }
  std::unique_ptr<AttachedEnvironment> Attached() {
    return AttachedEnvironment::Attach(WorkOf(AttachRequest(Token{}, 1, kRows), {""}), 1, context)
        .value();
  }

  TemporaryDirectory directory;
  Catalogue catalogue{MakeCatalogue(directory.path())};
  GamePool games{GamePoolSettings{}};
  SnapshotStore snapshots{std::size_t{1} << 20};
  AttachContext context{
      .catalogue = catalogue,
      .games = games,
      .snapshots = snapshots,
      .max_rows = kRows,
      .window = kWindow,
  };
};

// As the server holds them: a window of replies is kept, and another one is finished before the
// socket's thread comes.
TEST_F(AttachedEnvironmentTest, AFullWindowOfBatchesOfAnySizeTakesNoNewBuffers) {
  const auto attached = Attached();
  const auto rows = [](const std::vector<std::int32_t>& some) { return Packed(some); };
  attached->Run(WorkOf(Operation::kReset, {"", "", ""}));
  Request recv = SessionRequest(Operation::kRecv, Token{}, 2);
  recv.count = 1;
  std::deque<Reply> kept;
  long before = 0;
  for (int round = 0; round < 10; ++round) {
    if (round == 2) before = NumAlignedAllocations();
    attached->Run(WorkOf(Operation::kSend, {rows({0}), rows({3})}));  // its reply has no arrays
    std::vector<Reply> finished;
    finished.push_back(attached->Run(WorkOf(recv, {})));
    finished.push_back(attached->Run(WorkOf(Operation::kStep, {rows({0, 0}), rows({1, 2})})));
    finished.push_back(
        attached->Run(WorkOf(Operation::kStep, {rows(std::vector<std::int32_t>(kRows)), ""})));
    finished.push_back(attached->Run(WorkOf(Operation::kReset, {"", "", ""})));
    for (Reply& reply : finished) {
      ASSERT_GT(reply.frames.size(), 1u) << reply.frames[0].to_string();
      kept.push_back(std::move(reply));
      if (kept.size() > kWindow) kept.pop_front();
    }
  }
  EXPECT_EQ(NumAlignedAllocations() - before, 0);
}

}  // namespace
}  // namespace hotlap::transport::attached_environment_test
