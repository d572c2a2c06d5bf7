#include "env/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "tests/env/sim/scenarios.h"

namespace hotlap {
namespace {

class NpyTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void Write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

  static std::string File(const std::string& header, const std::string& data, char major = 1) {
    std::string bytes = "\x93NUMPY";
    bytes += major;
    bytes += '\0';
    bytes += static_cast<char>(header.size() & 0xFF);
    bytes += static_cast<char>(header.size() >> 8);
    if (major == 2) bytes += std::string(2, '\0');
    return bytes + header + data;
  }
  template <class T>
  static std::string Data(std::initializer_list<T> values) {
    std::string bytes;
    for (T value : values) {
      char buffer[sizeof value];
      std::memcpy(buffer, &value, sizeof value);
      bytes.append(buffer, sizeof value);
    }
    return bytes;
  }
  static std::string Header(const std::string& descr, const std::string& shape,
                            const std::string& order = "False") {
    return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  }
  std::string ErrorOf(const std::string& bytes) {
    Write(bytes);
    try {
      ReadNpyPoints(path_);
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()).rfind(path_.string(), 0), 0u) << "names the file";
      return std::string(error.what()).substr(path_.string().size() + 2);
    }
    return "";
  }

  const std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                      ("hotlap_npy_test_" + std::to_string(getpid()) + ".npy");
};

TEST_F(NpyTest, ReadsDoublesAndFloatsOfBothFormats) {
  Write(File(Header("<f8", "(2, 3)"), Data({1.0, 2.0, 3.0, 4.0, 5.0, 6.5})));
  EXPECT_EQ(ReadNpyPoints(path_), (std::vector<Vec3>{{1, 2, 3}, {4, 5, 6.5f}}));
  Write(File(Header("<f4", "(1, 3)"), Data({1.5f, 2.5f, 3.5f}), 2));
  EXPECT_EQ(ReadNpyPoints(path_), (std::vector<Vec3>{{1.5f, 2.5f, 3.5f}}));
}

TEST_F(NpyTest, ReadsTheRecordedLine) {
  const auto points = ReadNpyPoints(sim::ConfigFile("tracks/ESL-Hockolicious_0.5m_cl2.npy"));
  EXPECT_EQ(points.size(), 8062u);
  EXPECT_EQ(points[1000], (Vec3{422.4f, 23.9f, 783.8f}));
}

TEST_F(NpyTest, WrongFilesAreRefusedByField) {
  const std::string data = Data({1.0, 2.0, 3.0});
  const std::string good = File(Header("<f8", "(1, 3)"), data);
  EXPECT_EQ(ErrorOf(good), "");
  const auto expect = [&](const std::string& field, const std::string& bytes) {
    const std::string error = ErrorOf(bytes);
    EXPECT_EQ(error.rfind(field, 0), 0u) << field << ": " << error;
  };
  expect("magic", "");
  expect("magic", "x" + good);
  expect("version", File(Header("<f8", "(1, 3)"), data, 3));
  expect("header length", good.substr(0, 40));
  expect("descr", File(Header("<i8", "(1, 3)"), data));
  expect("descr", File("{}", data));
  expect("fortran_order", File(Header("<f8", "(1, 3)", "True"), data));
  expect("shape", File(Header("<f8", "(3,)"), data));
  expect("shape", File(Header("<f8", "(1, 2)"), data));
  expect("shape", File(Header("<f8", "(0, 3)"), ""));
  expect("shape", File(Header("<f8", "(99999999999, 3)"), data));
  expect("data", File(Header("<f8", "(2, 3)"), data));
  expect("data", good + "x");
  expect("data", good.substr(0, good.size() - 1));
  expect("point 0",
         File(Header("<f8", "(1, 3)"), Data({1.0, std::numeric_limits<double>::quiet_NaN(), 3.0})));
  expect("point 0", File(Header("<f8", "(1, 3)"), Data({1.0, 1e300, 3.0})));
  std::filesystem::remove(path_);
  EXPECT_THROW(ReadNpyPoints(path_), std::runtime_error);
}

}  // namespace
}  // namespace hotlap
