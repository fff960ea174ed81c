#include "engine/backend/reference/element.h"
#include "engine/backend/reference/kernels.h"

namespace modeld::reference {
namespace {

// All sizes of one convolution.
struct Sizes {
  core::Convolution op;
  // {batch, channels, height, width}.
  std::array<int64_t, 4> input;
  std::array<int64_t, 4> output;
  std::array<int64_t, 2> kernel;

  int64_t input_channels_per_group() const { return input[1] / op.groups; }
  int64_t output_channels_per_group() const { return output[1] / op.groups; }

  // The input position that tap `k` of output position `x` reads in spatial dimension `d`, or -1 for none.
  int64_t Source(int d, int64_t x, int64_t k) const {
    const int64_t before = op.padding[2 * d];
    int64_t source = 0;
    if (op.transposed) {
      // The x that a forward convolution would read from source with tap k, solved for source.
      const int64_t scaled = x + before - k * op.dilations[d];
      if (scaled < 0 || scaled % op.strides[d] != 0) return -1;
      source = scaled / op.strides[d];
    } else {
      source = x * op.strides[d] + k * op.dilations[d] - before;
    }
    return source >= 0 && source < input[2 + d] ? source : -1;
  }
};

std::array<int64_t, 4> ToArray(const Shape& shape) {
  return {shape[0], shape[1], shape[2], shape[3]};
}

template <typename T>
double At(const Sizes& s, const T* input, const T* filter, int64_t n, int64_t o, int64_t y, int64_t x) {
  const int64_t group = o / s.output_channels_per_group();
  double sum = 0;
  for (int64_t c = 0; c < s.input_channels_per_group(); ++c) {
    const int64_t channel = group * s.input_channels_per_group() + c;
    const T* image = input + (n * s.input[1] + channel) * s.input[2] * s.input[3];
    // Filter [O, C / groups, KH, KW], transposed [C, O / groups, KH, KW].
    const int64_t slice = s.op.transposed
                              ? channel * s.output_channels_per_group() + o % s.output_channels_per_group()
                              : o * s.input_channels_per_group() + c;
    const T* taps = filter + slice * s.kernel[0] * s.kernel[1];
    for (int64_t ky = 0; ky < s.kernel[0]; ++ky) {
      const int64_t row = s.Source(0, y, ky);
      if (row < 0) continue;
      for (int64_t kx = 0; kx < s.kernel[1]; ++kx) {
        const int64_t column = s.Source(1, x, kx);
        if (column < 0) continue;
        sum += static_cast<double>(image[row * s.input[3] + column]) *
               static_cast<double>(taps[ky * s.kernel[1] + kx]);
      }
    }
  }
  return sum;
}

}  // namespace

KernelPtr MakeKernel(const core::Convolution& op, const Operands& operands) {
  const Shape& filter = operands.inputs[1].shape;
  const Sizes sizes = {.op = op,
                       .input = ToArray(operands.inputs[0].shape),
                       .output = ToArray(operands.output.shape),
                       .kernel = {filter[2], filter[3]}};
  return WithFloatType(operands.output.data_type, [&]<typename T>() {
    return KernelOf([sizes](const KernelArgs& args) {
      T* output = Out<T>(args);
      for (int64_t n = 0; n < sizes.output[0]; ++n) {
        for (int64_t o = 0; o < sizes.output[1]; ++o) {
          for (int64_t y = 0; y < sizes.output[2]; ++y) {
            for (int64_t x = 0; x < sizes.output[3]; ++x) {
              *output++ = Convert<T>(At(sizes, In<T>(args, 0), In<T>(args, 1), n, o, y, x));
            }
          }
        }
      }
    });
  });
}

}  // namespace modeld::reference
