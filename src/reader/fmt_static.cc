// SPDX-License-Identifier: Apache-2.0
// The symbols of libfmt, compiled from its headers: the system has the library only as a shared
// object, and a static program cannot take that.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template auto thousands_sep_impl<char>(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl<char>(locale_ref) -> char;
}  // namespace detail
FMT_END_NAMESPACE
