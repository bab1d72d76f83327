#include "daemon/ctl/options.hpp"

#include <CLI/CLI.hpp>
#include <charconv>

#include "daemon/ctl/print.hpp"
#include "daemon/ctl/watch.hpp"
#include "handlers/api/version.hpp"

namespace tinsmith::ctl {

namespace {

// One action of a verb, as a subcommand that fills the request.
CLI::App* addAction(CLI::App& verb, CommandLine& line, const std::string& name,
                    const std::string& about) {
    CLI::App* action = verb.add_subcommand(name, about);
    const std::string verbName = verb.get_name();
    action->callback([&line, verbName, name] {
        line.what = CommandLine::What::ask;
        line.asking.verb = verbName;
        line.asking.request["action"] = name;
    });
    return action;
}

// Options that go into the request under `key` as they are typed.
template <class T>
CLI::Option* addKey(CLI::App* app, CommandLine& line, const std::string& option,
                    const std::string& key, const std::string& about) {
    return app->add_option_function<T>(
        option,
        [&line, key](const T& value) {
            line.asking.request[Json::json_pointer("/" + key)] = value;
        },
        about);
}

void addRequest(CLI::App& app, CommandLine& line, std::string& payload) {
    CLI::App* request = app.add_subcommand("request", "Send any request as JSON");
    request
        ->add_option("verb", line.asking.verb,
                     "regenerate, retrain, requantize, rollout, dataset, …")
        ->required();
    request->add_option("json", payload, "the request; - reads stdin, @FILE a file")
        ->default_val("{}");
    request->add_flag("--wait", line.asking.wait, "follow the job to its end");
    request->callback([&line, &payload] {
        line.what = CommandLine::What::ask;
        auto json = readJsonArgument(payload);
        if (!json)
            throw CLI::ValidationError("json", json.error().message + "; " + json.error().hint);
        line.asking.request = std::move(*json);
    });
}

void addImport(CLI::App& app, CommandLine& line) {
    CLI::App* import =
        app.add_subcommand("import", "Import recordings into a dataset and wait for it");
    addKey<std::string>(import, line, "dataset", "dataset", "the dataset's name")->required();
    addKey<std::string>(import, line, "path", "path",
                        "file or folder below the daemon's data directory")
        ->required();
    addKey<std::string>(import, line, "--format", "format", "csv, wav, png or idx");
    addKey<std::string>(import, line, "--label", "label", "column:NAME, folder, file or split");
    addKey<std::vector<std::string>>(import, line, "--channels", "channels",
                                     "columns, separated by commas")
        ->delimiter(',');
    addKey<int>(import, line, "--window", "window/length", "rows a window");
    addKey<int>(import, line, "--stride", "window/stride", "rows from one window to the next");
    addKey<std::string>(import, line, "--window-column", "window/column", "column of window ids");
    addKey<int>(import, line, "--rows", "picture/rows", "rows that all pictures are brought to");
    addKey<int>(import, line, "--columns", "picture/columns", "and columns");
    addKey<double>(import, line, "--rate", "rate_hz", "samples a second");
    addKey<std::string>(import, line, "--units", "units", "unit of the channels");
    addKey<std::string>(import, line, "--group", "group", "column:NAME, folder, file or split");
    addKey<std::string>(import, line, "--split", "split", "file, column:NAME or auto");
    import->callback([&line] {
        line.what = CommandLine::What::ask;
        line.asking.verb = "dataset";
        line.asking.request["action"] = "import";
        line.asking.wait = true;
    });
}

void addDataset(CLI::App& app, CommandLine& line) {
    CLI::App* dataset = app.add_subcommand("dataset", "Datasets")->require_subcommand(1);
    addAction(*dataset, line, "list", "All datasets");
    CLI::App* info = addAction(*dataset, line, "info", "One dataset's card");
    addKey<std::string>(info, line, "dataset", "dataset", "its name")->required();
    CLI::App* record = addAction(*dataset, line, "record", "Have a device record labelled windows");
    addKey<std::string>(record, line, "dataset", "dataset", "its name")->required();
    addKey<std::string>(record, line, "device", "device", "the device")->required();
    addKey<std::string>(record, line, "label", "label", "what it sees now")->required();
    addKey<double>(record, line, "seconds", "seconds", "for how long")->required();
    addKey<int>(record, line, "--window", "window/length", "rows a window (a new dataset)");
    addKey<std::vector<std::string>>(record, line, "--channels", "channels",
                                     "names (a new dataset)")
        ->delimiter(',');
    addKey<double>(record, line, "--rate", "rate_hz", "samples a second (a new dataset)");
    record->add_flag("--wait", line.asking.wait, "follow the job to its end");
    CLI::App* label = addAction(*dataset, line, "label", "Rename or merge a class");
    addKey<std::string>(label, line, "dataset", "dataset", "its name")->required();
    addKey<std::string>(label, line, "from", "from", "the class")->required();
    addKey<std::string>(label, line, "to", "to", "its new name")->required();
    label->add_flag("--wait", line.asking.wait, "follow the job to its end");
    CLI::App* drop =
        addAction(*dataset, line, "drop", "Drop a dataset, or one class or group of it");
    addKey<std::string>(drop, line, "dataset", "dataset", "its name")->required();
    addKey<std::string>(drop, line, "--label", "label", "only this class");
    addKey<std::string>(drop, line, "--group", "group", "only this group");
    drop->add_flag("--wait", line.asking.wait, "follow the job to its end");
}

void addLists(CLI::App& app, CommandLine& line) {
    CLI::App* job = app.add_subcommand("job", "Jobs")->require_subcommand(1);
    CLI::App* jobs = addAction(*job, line, "list", "The newest jobs");
    addKey<std::string>(jobs, line, "--state", "state",
                        "queued, running, succeeded, failed or cancelled");
    addKey<int>(jobs, line, "--limit", "limit", "how many");
    for (const char* name : {"show", "cancel"}) {
        addKey<std::string>(addAction(*job, line, name, "One job"), line, "job", "job", "its id")
            ->required();
    }
    CLI::App* report =
        addAction(*job, line, "report", "What a learning job did, attempt by attempt");
    addKey<std::string>(report, line, "job", "job", "its id")->required();
    CLI::App* text = addAction(*job, line, "text", "A prompt or a reply of a job");
    addKey<std::string>(text, line, "job", "job", "its id")->required();
    addKey<std::string>(text, line, "digest", "digest", "as the report names it")->required();
    CLI::App* replay =
        addAction(*job, line, "replay", "Run an ended job again from its recording and compare");
    addKey<std::string>(replay, line, "job", "job", "its id")->required();
    replay->preparse_callback([&line](std::size_t) { line.asking.wait = true; });
    CLI::App* rollout = app.add_subcommand("rollout", "Rollouts")->require_subcommand(1);
    addKey<std::string>(addAction(*rollout, line, "approve", "Let a held rollout begin"), line,
                        "rollout", "rollout", "its id")
        ->required();
    addKey<std::string>(addAction(*rollout, line, "abort", "End a rollout"), line, "rollout",
                        "rollout", "its id")
        ->required();
    CLI::App* model = app.add_subcommand("model", "Models")->require_subcommand(1);
    addAction(*model, line, "list", "All models");
    CLI::App* show = addAction(*model, line, "show", "One model and its versions");
    addKey<std::string>(show, line, "model", "model", "its name")->required();
    addKey<int>(show, line, "--version", "version", "one version in full");
    CLI::App* import =
        addAction(*model, line, "import", "Make a version of an int8 .tflite file and wait for it");
    addKey<std::string>(import, line, "path", "path", "file below the daemon's data directory")
        ->required();
    addKey<std::string>(import, line, "--name", "model", "the model's name")->required();
    addKey<std::vector<std::string>>(import, line, "--labels", "labels",
                                     "of the outputs in order, separated by commas")
        ->delimiter(',');
    addKey<std::string>(import, line, "--board", "board", "the board it is for");
    addKey<double>(import, line, "--flash", "limits/flash_kb", "most KB of the signed image");
    addKey<double>(import, line, "--ram", "limits/ram_kb", "most KB of RAM of the application");
    addKey<double>(import, line, "--latency", "limits/latency_ms", "most milliseconds a window");
    import->preparse_callback([&line](std::size_t) { line.asking.wait = true; });
    CLI::App* device = app.add_subcommand("device", "Devices")->require_subcommand(1);
    addAction(*device, line, "list", "All devices");
    CLI::App* group = addAction(*device, line, "group", "Set a device's groups");
    addKey<std::string>(group, line, "device", "device", "its id")->required();
    group->add_option_function<std::vector<std::string>>(
        "groups",
        [&line](const std::vector<std::string>& groups) { line.asking.request["groups"] = groups; },
        "its groups from now on; none takes it out of all");
    group->preparse_callback(
        [&line](std::size_t) { line.asking.request["groups"] = Json::array(); });
    CLI::App* remove = addAction(*device, line, "remove", "Forget a device");
    addKey<std::string>(remove, line, "device", "device", "its id")->required();
    CLI::App* health = app.add_subcommand("health", "How the gateway is");
    health->callback([&line] {
        line.what = CommandLine::What::ask;
        line.asking.verb = "health";
    });
}

}  // namespace

Parsed parseCommandLine(int argc, const char* const* argv) {
    CommandLine line;
    std::string payload;
    CLI::App app("Tinsmith: a client of the gateway's MQTT contract", "tinsmith");
    app.require_subcommand(1);
    app.fallthrough();  // --json and the broker's options may stand anywhere
    app.set_version_flag("--version", std::string(programVersion()));
    app.add_option("--broker", line.broker, "HOST:PORT of the MQTT broker (127.0.0.1:1883)")
        ->envname("TINSMITH_BROKER");
    app.add_option("--user", line.user, "the asker")->envname("TINSMITH_USER");
    app.add_option("--password-file", line.passwordFile, "a file with the asker's password")
        ->envname("TINSMITH_PASSWORD_FILE");
    app.add_option("--root", line.root, "topic prefix and gateway id (tinsmith/gateway)")
        ->envname("TINSMITH_ROOT");
    app.add_option("--config", line.config,
                   "the daemon's settings: broker and root from there; doctor needs them")
        ->envname("TINSMITH_CONFIG");
    app.add_option("--timeout", line.timeoutS, "seconds to wait for a reply")
        ->default_val(30)
        ->check(CLI::Range(1, 86400));
    app.add_flag("--json", line.json, "print JSON");
    addRequest(app, line, payload);
    CLI::App* watching = app.add_subcommand("watch", "Follow a job to its end");
    watching->add_option("job", line.job, "a job's id, or latest")->default_val("latest");
    watching->callback([&line] { line.what = CommandLine::What::watch; });
    addImport(app, line);
    addDataset(app, line);
    addLists(app, line);
    CLI::App* key = app.add_subcommand("key", "Signing keys")->require_subcommand(1);
    CLI::App* newKey = key->add_subcommand("new", "Make a key file, readable for its owner only");
    newKey->add_option("file", line.keyFile, "where to; never over another file")->required();
    newKey->callback([&line] { line.what = CommandLine::What::key; });
    app.add_subcommand("doctor", "Look at everything that Tinsmith needs, with remedies")
        ->callback([&line] { line.what = CommandLine::What::doctor; });
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return {std::nullopt, app.exit(error) == 0 ? kSucceeded : kUsage};
    }
    line.asking.json = line.json;
    // People read Markdown, programs JSON.
    if (!line.json && line.asking.request.value("action", "") == "report")
        line.asking.request["format"] = "markdown";
    return {std::move(line), 0};
}

Result<ClientOptions> clientOptions(const CommandLine& line,
                                    const std::optional<daemon::DaemonSettings>& settings) {
    ClientOptions options;
    if (settings) {
        options.host = settings->broker.host;
        options.port = settings->broker.port;
        options.root = settings->house.root;
    }
    if (!line.broker.empty()) {
        const std::size_t colon = line.broker.rfind(':');
        options.host = line.broker.substr(0, colon);
        options.port = 1883;
        if (colon != std::string::npos) {
            const std::string port = line.broker.substr(colon + 1);
            const auto [end, error] =
                std::from_chars(port.data(), port.data() + port.size(), options.port);
            const bool whole = error == std::errc() && end == port.data() + port.size();
            if (!whole || options.port < 1 || options.port > 65535) {
                return fail(Code::schema, "'" + port + "' is no port",
                            "--broker HOST:PORT, like localhost:1883");
            }
        }
    }
    if (!line.root.empty()) options.root = line.root;
    options.user = line.user;
    options.timeoutS = line.timeoutS;
    if (!line.passwordFile.empty()) {
        auto password = daemon::readSecret(line.passwordFile, "", "");
        if (!password) return std::unexpected(password.error());
        options.password = std::move(*password);
    }
    return options;
}

}  // namespace tinsmith::ctl
