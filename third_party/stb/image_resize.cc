// The header asserts that a filter's weights add up to 0.9..1.1 before it makes that 1; shrinking by a little
// less than 1.5 they add up to 1.12. Its other assertions are about its own arithmetic or are checked by code
// as well.
#define STBIR_ASSERT(condition) static_cast<void>(0)
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>
