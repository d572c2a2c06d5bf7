// What a training tells as it goes: a row of numbers for every so many steps, in a CSV file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hotlap::agents {

// Columns in their order; the first is `steps`. NaN is what is not known, and empty in the file.
using TrainingRow = std::vector<std::pair<std::string, double>>;

// Each row is written at once, so that what is there survives whatever happens.
class TrainingLog {
 public:
  // Begins the file anew; or, when `resume_after` is not negative, goes on with it, without its
  // rows of more steps and a last line that has no end. Throws std::runtime_error naming the file,
  // also when it is no log.
  TrainingLog(std::filesystem::path path, std::int64_t resume_after);

  // What the row lacks of the first row's columns is not known. Throws likewise, also when it has
  // others.
  void Add(const TrainingRow& row);

  // Empty when there is no such column.
  std::vector<double> Column(std::string_view name) const;

 private:
  void Read(std::int64_t resume_after);
  std::string NamesLine() const;

  std::filesystem::path path_;
  std::ofstream file_;
  std::vector<std::string> names_;
  std::vector<std::vector<double>> rows_;
};

}  // namespace hotlap::agents
