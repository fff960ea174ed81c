// The version of everything here, which is released together.
#ifndef MODELD_BASE_VERSION_H_
#define MODELD_BASE_VERSION_H_

namespace modeld {

// As --version prints it and GetCapabilities tells it.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace modeld

#endif  // MODELD_BASE_VERSION_H_
