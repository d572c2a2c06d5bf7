#include "agents/info_reader.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace hotlap::agents {

InfoReader::InfoReader(const transport::LearnerEnvironment& environment, std::string_view column) {
  const auto columns = environment.info_columns();
  const auto found = std::ranges::find(columns, column, &InfoColumn::name);
  if (found == columns.end()) {
    throw std::invalid_argument("the info column '" + std::string(column) +
                                "' is missing; it must be among those chosen");
  }
  column_ = static_cast<std::size_t>(found - columns.begin());
  type_ = found->type;
}

double InfoReader::operator()(const transport::ConstBatchView& batch, std::size_t row) const {
  return Read(&batch.info[(column_ * batch.status.size() + row) * 4]);
}

double InfoReader::AtEnd(const transport::ConstBatchView& batch, std::size_t end) const {
  return Read(&batch.final_info[(column_ * batch.final_rows.size() + end) * 4]);
}

double InfoReader::Read(const std::byte* value) const {
  if (type_ == InfoType::kInt32) {
    std::int32_t number = 0;
    std::memcpy(&number, value, sizeof number);
    return number;
  }
  float number = 0;
  std::memcpy(&number, value, sizeof number);
  return static_cast<double>(number);
}

}  // namespace hotlap::agents
