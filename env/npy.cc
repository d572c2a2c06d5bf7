#include "env/npy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hotlap {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kMaxFileSize = std::size_t{1} << 28;

// The text after "'key':" in the header's dictionary, without leading spaces.
std::optional<std::string_view> ValueOf(std::string_view header, std::string_view key) {
  const std::string quoted = "'" + std::string(key) + "'";
  const std::size_t at = header.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = header.substr(at + quoted.size());
  const std::size_t colon = rest.find_first_not_of(' ');
  if (colon == std::string_view::npos || rest[colon] != ':') return std::nullopt;
  rest.remove_prefix(colon + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

// n of "(n, 3)"; 0 when it is anything else.
std::size_t RowsOf(std::string_view shape) {
  if (!shape.starts_with('(')) return 0;
  shape.remove_prefix(1);
  std::size_t rows = 0, digits = 0;
  while (digits < shape.size() && shape[digits] >= '0' && shape[digits] <= '9') {
    rows = rows * 10 + static_cast<std::size_t>(shape[digits] - '0');
    if (++digits > 9) return 0;
  }
  if (digits == 0) return 0;
  std::string rest;
  for (char c : shape.substr(digits, shape.find(')') - digits)) {
    if (c != ' ') rest += c;
  }
  return rest == ",3" || rest == ",3," ? rows : 0;
}

template <class T>
float Number(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<float>(value);
}

}  // namespace

std::vector<Vec3> ReadNpyPoints(const std::filesystem::path& path) {
  const auto require = [&](bool ok, const std::string& what) {
    if (!ok) throw std::runtime_error(path.string() + ": " + what);
  };
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "cannot be opened");
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  require(!error && size <= kMaxFileSize, "size: must be a file of at most 256 MiB");
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};

  require(bytes.size() >= 12 && std::string_view(bytes).starts_with("\x93NUMPY"),
          "magic: not a .npy file");
  const auto major = static_cast<unsigned char>(bytes[6]);
  const auto minor = static_cast<unsigned char>(bytes[7]);
  require((major == 1 || major == 2) && minor == 0, "version: " + std::to_string(major) + "." +
                                                        std::to_string(minor) +
                                                        ", allowed are 1.0 and 2.0");
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
  };
  const std::size_t start = major == 1 ? 10 : 12;
  const std::size_t length = major == 1 ? byte(8) | byte(9) << 8
                                        : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  require(length <= bytes.size() - start, "header length: runs past the end of the file");
  const std::string_view header = std::string_view(bytes).substr(start, length);

  const auto descr = ValueOf(header, "descr");
  const bool is_double = descr && descr->starts_with("'<f8'");
  require(is_double || (descr && descr->starts_with("'<f4'")),
          "descr: allowed are '<f8' and '<f4'");
  const auto order = ValueOf(header, "fortran_order");
  require(order && order->starts_with("False"), "fortran_order: must be False");
  const auto shape = ValueOf(header, "shape");
  const std::size_t rows = shape ? RowsOf(*shape) : 0;
  require(rows >= 1, "shape: must be (n, 3) with n >= 1");
  const std::size_t number_size = is_double ? 8 : 4;
  const std::size_t data = start + length;
  require(bytes.size() - data == rows * 3 * number_size,
          "data: " + std::to_string(bytes.size() - data) + " bytes, the shape asks for " +
              std::to_string(rows * 3 * number_size));

  std::vector<Vec3> points(rows);
  const char* at = bytes.data() + data;
  for (std::size_t i = 0; i < points.size(); ++i) {
    float xyz[3];
    for (float& value : xyz) {
      value = is_double ? Number<double>(at) : Number<float>(at);
      require(std::isfinite(value), "point " + std::to_string(i) + ": not a finite number");
      at += number_size;
    }
    points[i] = {xyz[0], xyz[1], xyz[2]};
  }
  return points;
}

}  // namespace hotlap
