// The files of the page, compiled into the program (assets.S).
#pragma once

#include <string_view>

namespace numadrift::html::assets {

std::string_view page();   // page.html: where others go in is said by @NAME@
std::string_view style();  // page.css
std::string_view d3();     // d3.min.js of Debian's node-d3, with its licence
std::string_view script(); // the page's own scripts, one after the other

} // namespace numadrift::html::assets
