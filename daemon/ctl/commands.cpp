#include "daemon/ctl/commands.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "daemon/ctl/print.hpp"
#include "daemon/ctl/watch.hpp"
#include "firmware/image/keys.hpp"
#include "handlers/api/replies.hpp"
#include "handlers/flow/digest.hpp"

namespace tinsmith::ctl {

namespace {

constexpr std::size_t kRequestBytes = 16u << 20;

// By the member of a reply's data that is a list of such things.
const std::map<std::string, std::vector<std::string>>& tables() {
    static const std::map<std::string, std::vector<std::string>> columns = {
        {"jobs", {"job", "verb", "state", "step", "percent", "asker"}},
        {"models", {"model", "origin", "current", "latest", "dataset", "board"}},
        {"datasets", {"dataset", "bytes", "classes", "rate_hz", "warnings"}},
        {"devices", {"device", "board", "groups", "model", "version", "online"}},
    };
    return columns;
}

}  // namespace

std::string shown(const Json& data) {
    for (const char* key : {"markdown", "text"}) {
        if (!data.is_object() || !data.contains(key) || !data[key].is_string()) continue;
        const std::string text = printableLines(data[key].get_ref<const std::string&>());
        return text + (text.ends_with('\n') ? "" : "\n");
    }
    for (const auto& [key, columns] : tables()) {
        if (data.is_object() && data.contains(key) && data[key].is_array())
            return table(data[key], columns);
    }
    return data.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int ask(Client& client, const Asking& asking) {
    const auto reply = client.ask(asking.verb, asking.request);
    if (!reply) {
        complain(reply.error());
        return reply.error().code == Code::timeout ? kUnreachable : kFailed;
    }
    if (!reply->is_object()) {
        complain({Code::internal, "the reply is no JSON object", "is this a Tinsmith daemon?", ""});
        return kFailed;
    }
    const std::string status = reply->value("status", "");
    if (asking.json) std::printf("%s\n", canonical(*reply).c_str());
    if (status == "error") {
        if (!asking.json) complain(errorFromJson(reply->value("error", Json::object())));
        return kFailed;
    }
    const std::string job = reply->value("job", "");
    if (status != "accepted" || job.empty()) {
        if (!asking.json) std::fputs(shown(reply->value("data", Json::object())).c_str(), stdout);
        return kSucceeded;
    }
    if (asking.wait) return watch(client, job, asking.json);
    if (!asking.json)
        std::printf("accepted as job %s; follow it with: tinsmith watch %s\n", job.c_str(),
                    job.c_str());
    return kSucceeded;
}

Result<Json> readJsonArgument(const std::string& argument) {
    std::string text = argument;
    if (argument == "-") {
        text.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
    } else if (argument.starts_with("@")) {
        std::ifstream in(argument.substr(1), std::ios::binary);
        if (!in)
            return fail(Code::bad_path, argument.substr(1) + " cannot be read",
                        "name a file with JSON in it");
        text.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    auto json = parseJson(text, kRequestBytes);
    if (json && !json->is_object())
        return fail(Code::bad_json, "a request is a JSON object", "like {\"action\":\"list\"}");
    return json;
}

int makeKey(const std::string& file, bool json) {
    const auto key = image::generateKey(file);
    if (!key) {
        complain({Code::bad_path, key.error().message, key.error().hint, ""});
        return kFailed;
    }
    std::array<std::uint8_t, 32> bytes{};
    std::copy(key->begin(), key->end(), bytes.begin());
    if (json) {
        std::printf(
            "%s\n",
            canonical({{"file", file}, {"public_key", toHex(bytes)}, {"key_id", keyId(bytes)}})
                .c_str());
        return kSucceeded;
    }
    std::printf("key file    %s (keep it secret; make a copy offline)\n", file.c_str());
    std::printf("public key  %s\n", toHex(bytes).c_str());
    std::printf("key id      %s\n", keyId(bytes).c_str());
    return kSucceeded;
}

}  // namespace tinsmith::ctl
