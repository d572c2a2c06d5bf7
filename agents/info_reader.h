// One info column of a batch, by name.
#pragma once

#include <string_view>

#include "transport/learner_environment.h"

namespace hotlap::agents {

class InfoReader {
 public:
  // Throws std::invalid_argument that names the column when it is not among those chosen.
  InfoReader(const transport::LearnerEnvironment& environment, std::string_view column);
  // `row`: in the batch, which may be of some rows.
  double operator()(const transport::ConstBatchView& batch, std::size_t row) const;
  // Of the episode that ended as number `end` of the batch's final rows.
  double AtEnd(const transport::ConstBatchView& batch, std::size_t end) const;

 private:
  double Read(const std::byte* value) const;

  std::size_t column_ = 0;
  InfoType type_ = InfoType::kInt32;
};

}  // namespace hotlap::agents
