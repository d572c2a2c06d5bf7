// The loops that the time of a network goes into, for the vector instructions of whatever processor
// runs them. The bits are the same on every one, and those of a row do not depend on the number of
// rows: a sum goes over k in order, each product is rounded before it is added, and functions are
// polynomials of our own. So a policy drives the same line on every machine and in any batch, and a
// training can be repeated.
//
// Matrices are row-major float32; the width of the result is a multiple of kWidthUnit, so that no
// loop has a tail. All values must be finite; products of what is not are NaN as in IEEE 754.
#pragma once

#include <cstddef>
#include <span>

namespace hotlap::agents {

inline constexpr int kWidthUnit = 16;  // floats
// The width of the memory for so many columns.
constexpr int PaddedWidth(int columns) {
  return (columns + kWidthUnit - 1) / kWidthUnit * kWidthUnit;
}

// c[i, j] = initial[j] + sum over k of a[i, k] * b[k, j], or c[i, j] += that sum.
struct MatrixProduct {
  int rows = 0, columns = 0, depth = 0;  // of c; of k. REQUIRES: columns % kWidthUnit == 0
  const float* a = nullptr;              // a[i, k] = a[i * a_row_stride + k * a_depth_stride]
  std::ptrdiff_t a_row_stride = 0, a_depth_stride = 1;
  const float* b = nullptr;  // [depth, b_stride]
  std::ptrdiff_t b_stride = 0;
  float* c = nullptr;  // [rows, c_stride]; overlaps neither a nor b
  std::ptrdiff_t c_stride = 0;
  const float* initial = nullptr;  // [columns]; null: 0
  bool is_added = false;           // to what c holds; `initial` is not looked at then
};
void Multiply(const MatrixProduct& product);

// In place; sizes are multiples of kWidthUnit.
void ApplyTanh(std::span<float> values);  // absolute error below 3e-7
void ApplyRelu(std::span<float> values);
// Relative error below 3e-7 in [-87, 88.7]; 0 below, as of 88.7 above.
void ApplyExp(std::span<float> values);
// gradients[i] *= the derivative of the function where it gave results[i].
void ApplyTanhGradient(std::span<const float> results, std::span<float> gradients);
void ApplyReluGradient(std::span<const float> results, std::span<float> gradients);
// out[j] += the sum over i of rows[i, j], in order. REQUIRES: columns % kWidthUnit == 0.
void AddRows(std::span<const float> rows, int columns, std::span<float> out);

}  // namespace hotlap::agents
