#include "daemon/curl_library.hpp"

#include <dlfcn.h>

#include <optional>

namespace tinsmith::daemon {

namespace {

template <class Function>
bool find(void* library, const char* name, Function& place) {
    place = reinterpret_cast<Function>(::dlsym(library, name));
    return place != nullptr;
}

std::optional<CurlLibrary> open() {
    void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) return std::nullopt;
    CurlLibrary curl{};
    const bool complete = find(library, "curl_global_init", curl.globalInit) &&
                          find(library, "curl_multi_init", curl.multiInit) &&
                          find(library, "curl_multi_cleanup", curl.multiCleanup) &&
                          find(library, "curl_multi_setopt", curl.multiSetopt) &&
                          find(library, "curl_multi_add_handle", curl.multiAdd) &&
                          find(library, "curl_multi_remove_handle", curl.multiRemove) &&
                          find(library, "curl_multi_socket_action", curl.multiAct) &&
                          find(library, "curl_multi_info_read", curl.multiRead) &&
                          find(library, "curl_easy_init", curl.easyInit) &&
                          find(library, "curl_easy_cleanup", curl.easyCleanup) &&
                          find(library, "curl_easy_setopt", curl.easySetopt) &&
                          find(library, "curl_easy_getinfo", curl.easyGetinfo) &&
                          find(library, "curl_easy_strerror", curl.easyStrerror) &&
                          find(library, "curl_slist_append", curl.listAppend) &&
                          find(library, "curl_slist_free_all", curl.listFree);
    if (!complete || curl.globalInit(CURL_GLOBAL_DEFAULT) != CURLE_OK) return std::nullopt;
    return curl;
}

}  // namespace

const CurlLibrary* CurlLibrary::load() {
    static const std::optional<CurlLibrary> loaded = open();
    return loaded ? &*loaded : nullptr;
}

}  // namespace tinsmith::daemon
