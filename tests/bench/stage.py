"""Which programs run: the provider and nginx all the time, gateways of one kind while their rows are measured."""

import config
import programs


class Stage:
    """The programs of a benchmark. Gateways of another kind are ended before those of the next are started, so that
    nobody else's background work is on the machine."""

    def __init__(self, binaries, folder, workers):
        self.binaries, self.folder, self.workers = binaries, folder, workers
        self.fake = programs.Fake(binaries, folder)
        self.nginx = None
        self.kind, self.gateways, self.servers, self.started = None, [], [], 0
        self.redis = None

    def begin(self):
        self.nginx = programs.nginx(self.fake.port, self.workers, self.folder)

    def end(self):
        self.end_gateways()
        if self.nginx:
            self.nginx.end()
        self.fake.end()

    def end_gateways(self):
        for gateway in self.gateways:
            gateway.end()
        for server in self.servers:
            programs.end(server)
        self.kind, self.gateways, self.servers, self.redis = None, [], [], None

    def place(self, name):
        """A folder that nobody has used."""
        self.started += 1
        folder = self.folder / f"{self.started}-{name}"
        folder.mkdir()
        return folder

    def use(self, kind):
        """The gateways of that kind, ready for their rows."""
        if kind != self.kind:
            self.end_gateways()
            self.kind = kind
            getattr(self, f"start_{kind.replace('-', '_')}")(self.place(kind))
        return self.gateways

    def start(self, folder, settings, workers=None):
        gateway = programs.gateway(self.binaries / "stagedoor", folder, settings, workers or self.workers)
        # Before it is ready, so that it is ended whatever happens.
        self.gateways.append(gateway)
        return gateway.begin()

    def start_passing(self, folder):
        self.start(folder, config.passing(self.fake.port))

    def start_governed(self, folder, workers=None):
        programs.make_key(self.start(folder, config.governed(self.fake.port, folder), workers))

    def start_refusing(self, folder):
        limited = self.start(folder, config.governed(self.fake.port, folder))
        programs.make_key(limited, rpm_limit=1)

    def start_cache_local(self, folder):
        self.start(folder, config.cached(self.fake.port))

    def start_cache_redis(self, folder):
        self.start_redis(folder)
        self.start(folder, config.cached(self.fake.port, self.redis))

    def start_redis(self, folder):
        self.redis = programs.redis(folder)
        self.servers.append(self.redis)

    def start_cluster(self, folder):
        self.start_redis(folder)
        database = programs.postgres(folder)
        self.servers.append(database)
        for number in range(3):
            own = folder / f"replica-{number}"
            own.mkdir()
            self.start(own, config.replica(self.fake.port, own, self.redis, database))
        programs.make_key(self.gateways[0])

    def round_trip_us(self):
        return programs.round_trip_us(self.redis.port, self.redis.password)
