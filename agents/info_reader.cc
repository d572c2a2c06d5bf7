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
  first_byte_ = static_cast<std::size_t>(found - columns.begin()) *
                static_cast<std::size_t>(environment.num_rows()) * 4;
  type_ = found->type;
}

double InfoReader::operator()(const transport::ConstBatchView& batch, std::size_t row) const {
  const std::byte* const value = &batch.info[first_byte_ + row * 4];
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
