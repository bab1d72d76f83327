#pragma once

#include <curl/curl.h>

namespace tinsmith::daemon {

// libcurl, loaded at the first use: with what it depends on it costs an idle daemon without a
// language model 3 MB.
struct CurlLibrary {
    decltype(&curl_global_init) globalInit;
    decltype(&curl_multi_init) multiInit;
    decltype(&curl_multi_cleanup) multiCleanup;
    decltype(&curl_multi_setopt) multiSetopt;
    decltype(&curl_multi_add_handle) multiAdd;
    decltype(&curl_multi_remove_handle) multiRemove;
    decltype(&curl_multi_socket_action) multiAct;
    decltype(&curl_multi_info_read) multiRead;
    decltype(&curl_easy_init) easyInit;
    decltype(&curl_easy_cleanup) easyCleanup;
    decltype(&curl_easy_setopt) easySetopt;
    decltype(&curl_easy_getinfo) easyGetinfo;
    decltype(&curl_easy_strerror) easyStrerror;
    decltype(&curl_slist_append) listAppend;
    decltype(&curl_slist_free_all) listFree;

    // Null where libcurl is not installed or lacks a function.
    [[nodiscard]] static const CurlLibrary* load();
};

}  // namespace tinsmith::daemon
