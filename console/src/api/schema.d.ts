// Generated from docs/openapi.json by `npm run types`. Do not edit.
export interface paths {
    "/": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the web console
         * @description The page of the console, or a page that states how to build it. A browser gets it at every unknown
         *     path, too.
         */
        get: operations["start_page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the keys that verify access tokens
         * @description A JSON Web Key Set (RFC 7517). The hub publishes a new key an hour before it signs with it.
         */
        get: operations["get_access_token_keys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/access-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an access token
         * @description For a program that must not keep its API token: hand the access token on instead. It has the rights
         *     of the API token, loses them together with it, and expires after 15 minutes. Services that trust
         *     this hub verify it with the keys of `get_access_token_keys`.
         */
        post: operations["create_access_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create or edit templates and tasks
         * @description Creates the templates and tasks whose names do not exist, and edits the others. The hub applies
         *     all of them in one transaction: if it rejects one, nothing changes. Pointers of invalid fields
         *     begin with `/templates/N` or `/tasks/N`.
         */
        post: operations["apply"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List sign-ins and changes of access, newest first */
        get: operations["list_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/bulk/tasks/delete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Delete tasks
         * @description Deletes up to 100 tasks, given by ids or by a filter, and stops their active runs. The response
         *     has a result for each task. With `next` in the response, the same filter selects more tasks: send
         *     it again with this `cursor`. A repeated request has no effect.
         */
        post: operations["delete_tasks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/bulk/tasks/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop tasks
         * @description Stops the active runs of up to 100 tasks, given by ids or by a filter. The response has a result
         *     for each task; a task without an active run is one of those that fail. With `next` in the
         *     response, the same filter selects more tasks: send it again with this `cursor`. A repeated request
         *     has no effect.
         */
        post: operations["stop_tasks"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Check a task
         * @description Validates the task as its creation does, and asks the agents of its parties what they would do.
         *     Nothing is created or reserved. A party that is not connected, or whose agent is too old, has the
         *     answer `unknown`; the response takes at most a few seconds. The answers are those of this moment.
         */
        post: operations["check_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/device-sign-ins": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin the sign-in of a device
         * @description For a program without a browser, such as flowctl in an SSH session. The program shows `user_code`
         *     to its user, who approves it where they are signed in, and asks for its token with `device_code`
         *     every `interval` seconds. The form of the answer is that of RFC 8628. The hub stores only hashes of
         *     the codes.
         */
        post: operations["start_device_sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/device-sign-ins/{user_code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a device that waits for an approval */
        get: operations["get_device_sign_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/device-sign-ins/{user_code}/approve": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Approve the sign-in of a device
         * @description The device gets an API token of the caller. Approve only a code that your own device shows.
         */
        post: operations["approve_device_sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/device-sign-ins/{user_code}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Deny the sign-in of a device */
        post: operations["deny_device_sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/device-sign-ins/token": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ask for the token of a device
         * @description Fails with `authorization_pending` until a person has decided, and with `slow_down` if the device
         *     asks more often than every `interval` seconds; the interval is then 5 s longer. An approved code is
         *     valid for one token: an API token of the person who approved.
         */
        post: operations["poll_device_sign_in"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List or follow the events of all tasks
         * @description Returns one page of the events of the project, in the order in which the hub stored them; its
         *     `next` is the `after` of the next page. With `Accept: text/event-stream` the response is a stream
         *     of new events, with the number as `id` and the kind as `event`, and of keep-alive comments. To
         *     resume a broken stream, send `Last-Event-ID`. The hub keeps the feed for `retention.events_days`
         *     days: a request that resumes after an older event fails with `events_expired`. Without a position,
         *     or with 0, the page begins with the oldest event that the feed has.
         *
         *     A stream with `progress=true` also has events `progress`, and one with `parties=true` events
         *     `party`. They have no `id` and are not repeated: a client that resumes reads the present state
         *     first. A client that reads slowly misses events `progress`; a stream that would miss an event
         *     `party` ends.
         */
        get: operations["list_all_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/info": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get version, features and limits of the hub */
        get: operations["get_info"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the account of the caller
         * @description Returns what the credential of the request allows.
         */
        get: operations["get_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List identity providers */
        get: operations["list_oidc_providers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/oidc/{provider}/callback": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * End a sign-in with an identity provider
         * @description The provider sends the browser here. The answer opens a session and redirects to the path at which
         *     the sign-in began. It works once, and only in the browser that began the sign-in.
         */
        get: operations["end_oidc_sign_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/oidc/{provider}/identities": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Link a person at an identity provider to an account
         * @description The person then signs in as this account. For hubs that do not create accounts at the first
         *     sign-in: the error of such a sign-in names the `subject`.
         */
        post: operations["link_identity"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/oidc/{provider}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Begin a sign-in with an identity provider
         * @description For browsers: redirects to the provider, which sends the person back to the callback.
         */
        get: operations["start_oidc_sign_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orphans": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List orphans
         * @description Orphans are members that run at a party and that the hub does not know: the hub was restored
         *     from a backup that is older than they are. An orphan runs until it ends or exceeds its longest
         *     runtime, and then leaves the list.
         */
        get: operations["list_orphans"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orphans/{orphan}/keep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep an orphan
         * @description Records the decision that the orphan runs until it ends. An orphan without a decision runs until
         *     it ends, too. A stop that the party has received cannot be undone.
         */
        post: operations["keep_orphan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/orphans/{orphan}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop an orphan
         * @description The hub sends the stop to the party at once, or when the party connects. The orphan leaves the
         *     list when the party reports its end. A second stop has no effect.
         */
        post: operations["stop_orphan"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the state of the project at a glance
         * @description Returns the number of tasks by phase, the objects that need attention, and the runs of the last
         *     `hours` hours in 24 equal parts. The hub reuses an overview for twenty times the time that it took
         *     to read, at most 30 seconds: with few tasks it is new in each response. Runs that ended before the
         *     upgrade to this release are not in `buckets`.
         */
        get: operations["get_overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/parties": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List parties by name
         * @description Returns the parties that are offered to the project; to an administrator of the federation all
         *     parties.
         */
        get: operations["list_parties"];
        put?: never;
        /**
         * Add a party
         * @description Returns the secret with which the party's agent authenticates. The hub stores only the hash of
         *     the secret and cannot return it again. Therefore the request accepts no `Idempotency-Key`; a
         *     repeated request fails with `party_exists`.
         */
        post: operations["create_party"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/parties/{party}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a party with its images, datasets and resources */
        get: operations["get_party"];
        put?: never;
        post?: never;
        /**
         * Remove a party
         * @description The hub rejects the agent of the party from then on. Tasks and runs of the party stay readable;
         *     a task with the party cannot start until it is edited. Fails while a run of the party is active,
         *     and until its agent has confirmed that all its members have ended.
         */
        delete: operations["delete_party"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/parties/{party}/contacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the newest contact changes of a party
         * @description Each opening and each end of a session of the party's agent, newest first. The hub keeps the
         *     newest 100 of each party, from this release on.
         */
        get: operations["list_party_contacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/parties/{party}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Disable a party
         * @description The party gets no new members: a run that needs it waits (`party_disabled`) until the party is
         *     enabled or the queue deadline passes. Members that run continue, and the agent stays connected.
         *     Has no effect on a disabled party.
         */
        post: operations["disable_party"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/parties/{party}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Enable a party
         * @description Reverts `disable_party`: runs that wait for the party continue. Has no effect on an enabled
         *     party.
         */
        post: operations["enable_party"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/parties/{party}/secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace a party's secret
         * @description Returns a new secret. The hub stores only its hash and cannot return it again; if the response
         *     is lost, repeat the request. The hub closes the session and the log streams of the party. The
         *     agent connects again with the new secret or, during the overlap, with the old one. At the end of
         *     the overlap the hub closes sessions with the old secret.
         */
        post: operations["rotate_party_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the projects of the caller by name */
        get: operations["list_projects"];
        put?: never;
        /**
         * Create a project
         * @description A new project has no members. A repeated request fails with `project_exists`.
         */
        post: operations["create_project"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/projects/{project}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a project */
        get: operations["get_project"];
        /** Change a project */
        put: operations["edit_project"];
        post?: never;
        /**
         * Delete a project
         * @description A project with tasks, or with runs that have not ended, stays. Its templates, webhooks, members,
         *     offers and tokens are deleted with it. The hub keeps the history of its deleted tasks, which has the name of
         *     the project: no other project can get it.
         */
        delete: operations["delete_project"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/projects/{project}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the members of a project by name */
        get: operations["list_project_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/projects/{project}/members/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Give an account a role in a project
         * @description Replaces the role that it had.
         */
        put: operations["set_project_member"];
        post?: never;
        /** Take the role of an account in a project away */
        delete: operations["remove_project_member"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/projects/{project}/parties": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the parties that are offered to a project by name
         * @description A project with `all_parties` may use every other party, too; `list_parties` returns them all.
         */
        get: operations["list_project_parties"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/projects/{project}/parties/{party}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Offer a party to a project
         * @description Replaces the datasets that were offered before. In a project with `all_parties` the request
         *     limits the datasets of the party. Runs that are active continue.
         */
        put: operations["offer_party"];
        post?: never;
        /**
         * Withdraw a party from a project
         * @description Runs that are active continue; tasks with the party cannot start.
         */
        delete: operations["withdraw_party"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the runs of all tasks, newest first
         * @description A page may be short or empty; follow `next` until it is absent.
         */
        get: operations["list_all_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/runs/compare": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Compare runs
         * @description Returns the inputs that differ, and the newest and best value of each metric side by side.
         */
        get: operations["compare_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the sessions of the caller, oldest first
         * @description Without `limit` a page has up to 200 sessions.
         */
        get: operations["list_sessions"];
        put?: never;
        /**
         * Sign in with a password or a code
         * @description Opens a session of a browser; the response sets its cookie. Send `name` and `password`, or a `code`
         *     of `create_sign_in_code`. After some wrong passwords the address has to wait. Programs use API
         *     tokens.
         */
        post: operations["create_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/sessions/{session}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a session
         * @description Signs a browser out. The own session is in the list of sessions with `current`.
         */
        delete: operations["delete_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/setup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create the first account
         * @description Needs the setup code, which the hub writes to the file `setup-code` in its data directory, and no
         *     other credential. The account administers the federation. Works once: the hub removes the code.
         *     Therefore the request accepts no `Idempotency-Key`; `flow-server admin-token` replaces a response
         *     that was lost.
         */
        post: operations["setup"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/sign-in-codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Create a one-time code for a sign-in in a browser
         * @description `create_session` opens a session of the caller's account with the code, once, within 15 minutes. A
         *     new code replaces the former one of the account. For people only: a limited token and a service
         *     account get no code. The hub stores only the hash of the code.
         */
        post: operations["create_sign_in_code"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/system": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the state of the hub
         * @description Checks, database, disk, certificates and limits of the process that answers.
         */
        get: operations["get_system"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List tasks
         * @description A page may be short or empty if several filters select many tasks each, or the order is not that
         *     of the filter; follow `next` until it is absent. Tasks that are created or deleted meanwhile
         *     cause no other task to be left out or repeated.
         */
        get: operations["list_tasks"];
        put?: never;
        /**
         * Create a task
         * @description The hub checks the task against its template and the known parties. The task runs when it is
         *     started.
         */
        post: operations["create_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a task */
        get: operations["get_task"];
        /**
         * Edit a task
         * @description Replaces the content of the task. Fails while a run of the task is active.
         */
        put: operations["edit_task"];
        post?: never;
        /**
         * Delete a task
         * @description Deletes the task at once and stops its active run. A second deletion succeeds, too.
         */
        delete: operations["delete_task"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/clone": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Clone a task
         * @description Creates a task with the content of another, with this revision of its template, and another name.
         */
        post: operations["clone_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List or follow the events of a task
         * @description Returns one page; its `next` is the `after` of the next page. With `Accept: text/event-stream`
         *     the response is a stream of the stored events and of each new event, with its number as `id` and
         *     its kind as `event`, and of keep-alive comments. The stream ends when the task is deleted. To
         *     resume a broken stream, send `Last-Event-ID`.
         */
        get: operations["list_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the runs of a task, newest first */
        get: operations["list_runs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a run */
        get: operations["get_run"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}/members/{party}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a member of a run */
        get: operations["get_member"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}/members/{party}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the log of a member
         * @description The hub streams the log from the party and does not store it. The policy of the party decides
         *     which logs it discloses. If the connection breaks before the end, the hub could not get the
         *     remaining lines.
         */
        get: operations["get_member_log"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}/members/{party}/outputs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the outputs of a member
         * @description The files that the workload left in its output directory, at most 1,000. The policy of the party
         *     decides which outputs leave it; by default none does. The agent computes the SHA-256 of each
         *     file; a large file has none yet in the first lists.
         */
        get: operations["list_member_outputs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}/members/{party}/outputs/{path}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an output of a member
         * @description The hub streams the file from the party and does not store it. `ETag` is the SHA-256 of the
         *     file. The party sends the last bytes only if the whole file still has this SHA-256; otherwise
         *     the response breaks off before its `Content-Length`. `Range` with `If-Range` continues a
         *     download.
         */
        get: operations["get_member_output"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}/members/{party}/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the metrics of a member over time */
        get: operations["get_member_series"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/runs/{run}/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export the metrics of a run over time
         * @description Returns the series of all members. The CSV has a header and the columns `party`, `series`, `step`
         *     and `value`; a value that is not a finite number is empty, and a name that a spreadsheet would
         *     take for a formula begins with `'`. If the connection breaks before the end, the hub could not
         *     read the remaining members.
         */
        get: operations["export_series"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Start a task
         * @description Creates a new run. The run is queued until all parties are connected, have admitted their
         *     members and have reserved resources. Values in the body replace those of the task in this run
         *     and its retries; the task does not change.
         */
        post: operations["start_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tasks/{task}/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Stop a task
         * @description Stops the active run of the task. A second stop has no effect.
         */
        post: operations["stop_task"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/templates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List templates by name */
        get: operations["list_templates"];
        put?: never;
        /** Create a template */
        post: operations["create_template"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/templates/{template}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a template with its newest revision */
        get: operations["get_template"];
        /**
         * Edit a template
         * @description Creates a new revision. Tasks keep their revision.
         */
        put: operations["edit_template"];
        post?: never;
        /**
         * Delete a template
         * @description Fails while a task uses the template.
         */
        delete: operations["delete_template"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/templates/{template}/revisions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the revisions of a template, newest first */
        get: operations["list_revisions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/templates/{template}/revisions/{revision}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a revision of a template */
        get: operations["get_revision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List API tokens, oldest first */
        get: operations["list_tokens"];
        put?: never;
        /**
         * Create an API token
         * @description Returns the text of the token. The hub stores only its hash and cannot return it again; if the
         *     response is lost, delete the token and create another one. Therefore the request accepts no
         *     `Idempotency-Key`. Only a federation administrator may create a token with the scope `metrics`.
         */
        post: operations["create_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/tokens/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an API token, without its text */
        get: operations["get_token"];
        put?: never;
        post?: never;
        /**
         * Delete an API token
         * @description The hub rejects the token from then on.
         */
        delete: operations["delete_token"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List accounts by name */
        get: operations["list_users"];
        put?: never;
        /**
         * Create an account
         * @description A new account has no role in any project. A repeated request fails with `user_exists`.
         */
        post: operations["create_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/users/{user}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get an account */
        get: operations["get_user"];
        /**
         * Change an account
         * @description The federation keeps at least one enabled administrator.
         */
        put: operations["edit_user"];
        post?: never;
        /**
         * Delete an account
         * @description Deletes its tokens, its sessions and its roles. Its tasks and runs stay.
         */
        delete: operations["delete_user"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/users/{user}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set a password
         * @description The own one, with the current password; or, by a federation administrator, that of another
         *     account. Ends all sessions of the account.
         */
        put: operations["set_password"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/version": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the version of the hub */
        get: operations["get_version"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the webhooks of the project by name */
        get: operations["list_webhooks"];
        put?: never;
        /**
         * Create a webhook
         * @description The hub sends the events that happen from then on. Returns the secret with which the hub signs,
         *     which it does not show again; if the response is lost, replace the secret. Therefore the request
         *     accepts no `Idempotency-Key`; a repeated request fails with `webhook_name_taken`.
         */
        post: operations["create_webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/webhooks/{webhook}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a webhook */
        get: operations["get_webhook"];
        /**
         * Edit a webhook
         * @description Replaces everything but the secret. Waiting deliveries go to the new URL. To enable a webhook that
         *     the hub has disabled, send it with `enabled`.
         */
        put: operations["edit_webhook"];
        post?: never;
        /** Delete a webhook with its deliveries */
        delete: operations["delete_webhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/webhooks/{webhook}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the deliveries of a webhook, newest first
         * @description The hub keeps the newest 1000 deliveries of a webhook for 30 days, and those that are pending.
         */
        get: operations["list_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/webhooks/{webhook}/deliveries/{delivery}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a delivery again
         * @description The message has the same `webhook-id` and body as before. A pending delivery is sent now.
         */
        post: operations["redeliver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/webhooks/{webhook}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replace the secret of a webhook
         * @description For `overlap_s` seconds each message has two signatures, by the new secret and by the former one,
         *     so that the receiver can change its secret without a gap. The hub does not show the secret again.
         */
        post: operations["rotate_webhook_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v2/webhooks/{webhook}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Test a webhook
         * @description Sends a message of type `ping`. The list of deliveries has its result.
         */
        post: operations["test_webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/assets/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a file of the web console
         * @description The page of the console names its files. Each encoding has its own `ETag`.
         */
        get: operations["console_asset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/device": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the page for the approval of devices */
        get: operations["device_page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the reference page */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a file of the reference page */
        get: operations["asset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/guides/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get a guide */
        get: operations["guide"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/livez": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Check that the process is alive */
        get: operations["livez"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the metrics of the hub */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Get the OpenAPI document */
        get: operations["document"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the hub accepts requests
         * @description The hub is not ready while it starts or stops, while the engine makes no progress, and while the
         *     store accepts no writes.
         */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Access token: proves for some minutes what the API token proves that it was made from. */
        AccessToken: {
            /** @description Signed token (JWT, RFC 9068) for `Authorization: Bearer`. */
            access_token: string;
            /**
             * Format: int64
             * @description Seconds until the token expires.
             * @example 900
             */
            expires_in: number;
            /**
             * @description Always `Bearer`.
             * @example Bearer
             */
            token_type: string;
        };
        /** @description Agent that last connected for a party. */
        Agent: {
            /** @description Identity of the agent's journal. */
            instance: components["schemas"]["Id"];
            /** @description Version of flow-federate. */
            version: string;
        };
        /** @description Templates and tasks after they were applied, in the order of the request. */
        Applied: {
            /** @description Answers of the parties of each task of the request. Only in the response to a dry run. */
            checks?: components["schemas"]["TaskCheck"][];
            /** @description Tasks. */
            tasks: components["schemas"]["AppliedTask"][];
            /** @description Templates. */
            templates: components["schemas"]["AppliedTemplate"][];
        };
        /** @description A task after it was applied. */
        AppliedTask: {
            /** @description Effect of the request. */
            outcome: components["schemas"]["ApplyOutcome"];
            /** @description The task. */
            task: components["schemas"]["Task"];
        };
        /** @description Tasks to apply. */
        AppliedTasks: components["schemas"]["TaskDocument"][];
        /** @description A template after it was applied. */
        AppliedTemplate: {
            /** @description Effect of the request. */
            outcome: components["schemas"]["ApplyOutcome"];
            /** @description The template. */
            template: components["schemas"]["Template"];
        };
        /** @description Templates to apply. */
        AppliedTemplates: components["schemas"]["TemplateInput"][];
        /**
         * @description Effect of one template or task of a request.
         * @enum {string}
         */
        ApplyOutcome: "created" | "edited" | "unchanged";
        /**
         * @description Templates and tasks to create or edit, by name. The hub applies all of them in one transaction
         *     or none.
         * @example {
         *       "tasks": [
         *         {
         *           "epochs": 10,
         *           "labels": {
         *             "season": "spring"
         *           },
         *           "members": [
         *             {
         *               "party": "hub",
         *               "role": "aggregator"
         *             },
         *             {
         *               "dataset": "digits",
         *               "party": "hospital-a",
         *               "role": "trainer"
         *             },
         *             {
         *               "dataset": "digits",
         *               "party": "hospital-b",
         *               "role": "trainer"
         *             }
         *           ],
         *           "name": "digits-spring",
         *           "parameters": {
         *             "learning_rate": "0.05"
         *           },
         *           "remark": "",
         *           "rules": {
         *             "give_up_after_s": 900,
         *             "no_progress_s": 1800,
         *             "queue_deadline_s": 3600,
         *             "retries": 0,
         *             "start_deadline_s": 300
         *           },
         *           "template": "digits"
         *         }
         *       ],
         *       "templates": [
         *         {
         *           "aggregator_command": [],
         *           "command": [
         *             "python",
         *             "-u",
         *             "client.py"
         *           ],
         *           "env": {},
         *           "framework": "iflearner",
         *           "image": "iflearner-digits:1",
         *           "max_runtime_s": 86400,
         *           "name": "digits",
         *           "parameters": {
         *             "learning_rate": {
         *               "default": "0.1",
         *               "description": "learning rate",
         *               "maximum": "1",
         *               "minimum": "0",
         *               "type": "number"
         *             }
         *           },
         *           "remark": "Handwritten digits with a numpy model",
         *           "requires_aggregator": true,
         *           "requires_dataset": [],
         *           "resources": {
         *             "cpu_millis": 0,
         *             "memory_mib": 0
         *           },
         *           "stop_grace_s": 10,
         *           "workdir": ""
         *         }
         *       ]
         *     }
         */
        ApplyRequest: {
            /** @description Tasks, each with its own name. */
            tasks?: components["schemas"]["AppliedTasks"];
            /** @description Templates, each with its own name. They are applied before the tasks. */
            templates?: components["schemas"]["AppliedTemplates"];
        };
        /** @description Argument of a program, or value of an environment variable. */
        Argument: string;
        /** @description Objects that need attention. */
        Attention: {
            /**
             * @description Certificates of the hub that expire within 30 days. Empty unless the caller administers the
             *     federation.
             */
            certificates: components["schemas"]["ExpiringCertificate"][];
            /** @description Newest failed runs of the period, at most 10. */
            failed: components["schemas"]["ListedRun"][];
            /**
             * @description Parties of the project whose agents have disconnected, newest absence first, at most 20. A
             *     disabled party, and one whose agent has never connected, are left out.
             */
            parties_away: components["schemas"]["PartyAway"][];
            /** @description Oldest runs that wait, at most 10. */
            waiting: components["schemas"]["ListedRun"][];
        };
        /** @description Sign-in, or change of an account, a token, a project or a party. */
        AuditEntry: {
            /** @description Name of the operation. */
            action: string;
            /** @description Account that did it. */
            actor: string;
            /** @description Address of the client. */
            address: string;
            /** @description When it was done. */
            at: components["schemas"]["DateTime"];
            /** @description More, for people. */
            detail: string;
            /** @description Id of the entry; later entries have greater ids. */
            id: components["schemas"]["Id"];
            /** @description Object of the operation. */
            object: string;
            project?: components["schemas"]["ProjectName"] | null;
        };
        /** @description Cause for which a task was not changed. */
        BulkError: {
            /** @description Kind of failure, as in a problem. */
            code: components["schemas"]["ErrorCode"];
            /** @description Description for people. */
            message: string;
        };
        /**
         * @description Tasks to change: by id, or by conditions, page by page.
         * @example {
         *       "filter": {
         *         "labels": {
         *           "season": "spring"
         *         },
         *         "phase": [
         *           "failed"
         *         ]
         *       }
         *     }
         */
        BulkRequest: {
            /** @default null */
            cursor: components["schemas"]["Cursor"] | null;
            /** @default null */
            filter: components["schemas"]["TaskSelector"] | null;
            /**
             * @description Ids of the tasks. Not together with `filter`.
             * @default []
             */
            tasks: components["schemas"]["BulkTasks"];
        };
        /** @description Result of a change of many tasks. */
        BulkResult: {
            /** @description Value of `cursor` for the next tasks of the filter. Absent if there are none. */
            next?: string | null;
            /** @description The tasks that the request was about, each once. */
            tasks: components["schemas"]["BulkTask"][];
        };
        /** @description Result of the change of one task. */
        BulkTask: {
            error?: components["schemas"]["BulkError"] | null;
            /** @description Id of the task. */
            id: components["schemas"]["Id"];
            /** @description Name of the task, if the filter found it. */
            name?: string | null;
        };
        /** @description Ids of tasks. */
        BulkTasks: components["schemas"]["Id"][];
        /**
         * @description The bytes from this one on.
         * @example bytes=4096-
         */
        ByteRange: string;
        /**
         * Format: binary
         * @description Bytes of a file.
         */
        Bytes: string;
        /**
         * @description Answer of a party to the question whether it would accept its part of a task.
         * @enum {string}
         */
        CheckAnswer: "accept" | "ask" | "refuse" | "unknown";
        /** @description Request to create a task with the content of another. */
        CloneInput: {
            /** @description Name of the new task. */
            name: components["schemas"]["Name"];
        };
        /** @description Program and its arguments. */
        Command: [
            string
        ];
        /** @description One input of the runs. */
        ComparedInput: {
            /**
             * @description Name of the input.
             * @example parameters.learning_rate
             */
            name: string;
            /** @description Value in each run. `null` if the run does not have the input. */
            values: (string | null)[];
        };
        /** @description One series of the runs. */
        ComparedMetric: {
            /**
             * @description The smallest value is the best. True if a word of the name contains `loss`, `error`,
             *     `perplexity`, `mse` or `mae`.
             */
            lower_is_better: boolean;
            /**
             * @description Name of the metric.
             * @example local/acc
             */
            name: string;
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Values in each run. `null` if the run does not have the series. */
            values: (components["schemas"]["MetricValues"] | null)[];
        };
        /**
         * @description Id of a run, TASK/NUMBER, TASK/latest, or TASK for its newest run. TASK is the name or id of a task; a text of 32 lower-case hexadecimal digits is the id of a run.
         * @example digits/1
         */
        ComparedRun: string;
        /** @description Ids of different runs. */
        ComparedRuns: components["schemas"]["ComparedRun"][];
        /** @description Connection of a party's agent. */
        Contact: {
            since?: components["schemas"]["DateTime"] | null;
            /** @description Connection state. */
            state: components["schemas"]["ContactState"];
        };
        /** @description Opening or end of a session of a party's agent. */
        ContactChange: {
            /** @description When the session was opened or ended. */
            at: components["schemas"]["DateTime"];
            /**
             * @description Cause of the end, as in `disconnected`, `shutdown` or `limit_exceeded`; `hub_restarted` if the
             *     hub ended without a shutdown. Absent for an opened session.
             */
            reason?: string | null;
            /** @description Connection state from then on. */
            state: components["schemas"]["ContactState"];
            /** @description Version of the agent that opened the session. */
            version?: string | null;
        };
        /** @description Newest contact changes of a party. */
        ContactList: {
            /** @description Contact changes, newest first, at most 100. */
            items: components["schemas"]["ContactChange"][];
        };
        /**
         * @description Connection state of a party's agent.
         * @enum {string}
         */
        ContactState: "connected" | "away";
        /**
         * Format: int32
         * @description Processor time, in thousandths of a core; 0 requests none.
         * @default 0
         */
        CpuMillis: number;
        /** @description Start of a page: the `next` of the page before. */
        Cursor: string;
        /**
         * @description Name under which a party offers data: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
         * @example digits
         */
        DatasetName: string;
        /**
         * Format: date-time
         * @description Time as RFC 3339 in UTC.
         */
        DateTime: string;
        /** @description Delivery of a webhook: one message, with its attempts. */
        Delivery: {
            attempted_at?: components["schemas"]["DateTime"] | null;
            /**
             * Format: int32
             * @description Attempts since the delivery was queued or requested again.
             */
            attempts: number;
            /** @description When the delivery was queued. */
            created_at: components["schemas"]["DateTime"];
            /** @description Cause of the last failure. */
            error?: string | null;
            /** @description Id of the delivery, the header `webhook-id` of each of its attempts. */
            id: components["schemas"]["Id"];
            /** @description Kind of the event, or `ping` for a test. */
            kind: string;
            next_attempt_at?: components["schemas"]["DateTime"] | null;
            /**
             * Format: int64
             * @description Number of the event in the feed. Absent for a test.
             */
            number?: number | null;
            /** @description State of the delivery. */
            state: components["schemas"]["DeliveryState"];
            /**
             * Format: int32
             * @description HTTP status of the last response. Absent: there was none.
             */
            status?: number | null;
            task?: components["schemas"]["Id"] | null;
        };
        /**
         * @description State of a delivery.
         * @enum {string}
         */
        DeliveryState: "pending" | "delivered" | "failed";
        /**
         * @description Description of a parameter, for people.
         * @default
         */
        Description: string;
        /**
         * @description Phase that the hub wants a member to reach.
         * @enum {string}
         */
        DesiredPhase: "admitted" | "reserved" | "running" | "stopped";
        /**
         * @description Request of a device for its token.
         * @example {
         *       "device_code": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
         *     }
         */
        DevicePoll: {
            /** @description The `device_code`. */
            device_code: string;
        };
        /** @description Device that waits for an approval. */
        DeviceRequest: {
            /** @description Address from which the device asked. */
            address: string;
            /** @description The device as it named itself. */
            client: string;
            /** @description When the device asked. */
            created_at: components["schemas"]["DateTime"];
            /** @description When the code expires. */
            expires_at: components["schemas"]["DateTime"];
            /** @description Code that the person types. */
            user_code: components["schemas"]["UserCode"];
        };
        /**
         * @description Request to begin the sign-in of a device.
         * @example {
         *       "client": "flowctl on login-node-1"
         *     }
         */
        DeviceStart: {
            /** @description The device, for the person who approves. */
            client?: string;
        };
        /** @description Sign-in of a device that waits for an approval (RFC 8628). */
        DeviceStarted: {
            /** @description Code with which the device asks for its token. */
            device_code: string;
            /**
             * Format: int64
             * @description Seconds until both codes expire.
             */
            expires_in: number;
            /**
             * Format: int64
             * @description Seconds to wait between two polls.
             */
            interval: number;
            /** @description Code that the person types. */
            user_code: components["schemas"]["UserCode"];
            /** @description Address at which the person approves. */
            verification_uri: string;
            /** @description The same address with the code. */
            verification_uri_complete: string;
        };
        /** @description SHA-256 of canonical bytes, in lower-case hexadecimal. */
        Digest: string;
        /**
         * @description Direction of a list.
         * @enum {string}
         */
        Direction: "asc" | "desc";
        /**
         * @description Cause of the end of a run.
         * @enum {string}
         */
        EndCode: "completed" | "stopped" | "deleted" | "refused" | "queue_deadline" | "start_failed" | "start_deadline" | "member_failed" | "no_progress" | "party_lost" | "no_verdict";
        /** @description Result and cause of the end of a run. The first cause counts. */
        Ending: {
            /** @description When the hub recorded the cause. */
            at: components["schemas"]["DateTime"];
            /** @description User who stopped the run, if one did. */
            by?: string | null;
            /** @description Kind of cause, for programs. */
            code: components["schemas"]["EndCode"];
            /** @description Description of the cause, for people. */
            message: string;
            /** @description Result of the run. */
            outcome: components["schemas"]["Outcome"];
            party?: components["schemas"]["PartyName"] | null;
            reason?: components["schemas"]["Reason"] | null;
        };
        /** @description Environment variables, by name. `FED_*`, `HOME`, `*_PROXY`, `LD_*` and other names that change which code a program loads are reserved. */
        Environment: {
            [key: string]: components["schemas"]["Argument"];
        };
        /**
         * Format: int32
         * @description Number of training rounds.
         */
        Epochs: number;
        /**
         * @description Kind of failure.
         * @enum {string}
         */
        ErrorCode: "malformed" | "invalid" | "cursor_invalid" | "unauthenticated" | "forbidden" | "rate_limited" | "cross_site" | "setup_done" | "setup_required" | "quota_exceeded" | "user_exists" | "user_not_found" | "last_admin" | "token_not_found" | "session_not_found" | "project_exists" | "project_not_found" | "project_not_empty" | "project_protected" | "project_member_not_found" | "offer_not_found" | "route_not_found" | "method_not_allowed" | "unsupported_media_type" | "too_large" | "precondition_failed" | "idempotency_key_reused" | "busy" | "store_unavailable" | "request_timeout" | "store_full" | "internal" | "party_exists" | "party_not_found" | "template_not_found" | "template_name_taken" | "template_in_use" | "revision_not_found" | "task_not_found" | "task_name_taken" | "task_name_empty" | "task_active" | "task_not_active" | "run_not_found" | "member_not_found" | "party_active" | "orphan_not_found" | "log_unavailable" | "log_refused" | "log_not_found" | "output_refused" | "output_not_found" | "output_unavailable" | "range_not_satisfiable" | "agent_outdated" | "approval_outdated" | "approval_not_pending" | "provider_not_found" | "provider_unavailable" | "sign_in_failed" | "identity_linked" | "user_code_not_found" | "authorization_pending" | "slow_down" | "expired_token" | "access_denied" | "invalid_grant" | "webhook_not_found" | "webhook_name_taken" | "webhook_limit" | "webhook_disabled" | "delivery_not_found" | "events_expired" | "hub_unavailable";
        /**
         * @description One event of a task. Events are numbered from 1 without gaps, in the order in which the hub
         *     stored them.
         * @example {
         *       "at": "2026-01-01T00:00:00.000000Z",
         *       "kind": "run.queued",
         *       "message": "run 1 is queued",
         *       "run": "0190f3a4c2d17e00a1b2c3d4e5f60718",
         *       "seq": 2
         *     }
         */
        Event: {
            /** @description When the hub stored the event. */
            at: components["schemas"]["DateTime"];
            /** @description Kind of event. */
            kind: components["schemas"]["EventKind"];
            /** @description Description for people, or the name of the new phase. */
            message: string;
            party?: components["schemas"]["PartyName"] | null;
            run?: components["schemas"]["Id"] | null;
            /**
             * Format: int64
             * @description Number of the event within its task, from 1.
             */
            seq: number;
        };
        /**
         * @description Kind of event.
         * @enum {string}
         */
        EventKind: "run.queued" | "run.reserving" | "run.starting" | "run.running" | "run.stopping" | "run.succeeded" | "run.failed" | "run.cancelled" | "run.settled" | "run.retry" | "member.phase" | "member.connected" | "member.away" | "member.released" | "member.replaced" | "task.created" | "task.edited" | "task.deleted";
        /** @description Kinds of events. */
        EventKinds: components["schemas"]["EventKind"][];
        /**
         * Format: int64
         * @description Number of an event within its task; 0 is before the first event.
         */
        EventNumber: number;
        /** @description Server-sent events of a task. `id` is the number of the event, `event` is its kind, and `data` is an `Event` as JSON. */
        EventStream: string;
        /** @description End of a workload. Times are from the clock of the party. */
        Exit: {
            /**
             * Format: int32
             * @description Exit status, if the workload exited.
             */
            code?: number | null;
            /** @description When the workload ended. */
            finished_at: components["schemas"]["DateTime"];
            /**
             * @description Last lines that a failed workload printed, oldest first, with control characters escaped. At
             *     most 10 lines of 200 characters. Absent if the party does not disclose logs.
             */
            last_lines?: string[];
            reason?: components["schemas"]["Reason"] | null;
            /**
             * Format: int32
             * @description Signal number, if a signal ended the workload.
             */
            signal?: number | null;
            /** @description When the workload was started. */
            started_at: components["schemas"]["DateTime"];
        };
        /** @description Certificate that expires soon. */
        ExpiringCertificate: {
            /** @description Listener that uses the certificate, as in `rest` or `grpc`. */
            name: string;
            /** @description When the certificate, or another one of its chain, expires. */
            not_after: components["schemas"]["DateTime"];
        };
        /**
         * @description Format of an export.
         * @enum {string}
         */
        ExportFormat: "json" | "csv";
        /** @description Progress of one party, as the aggregator's framework reports it. */
        FederationProgress: {
            /** @description The party has reported to the aggregator that it is done. */
            complete: boolean;
            /**
             * Format: int32
             * @description Epoch in progress.
             */
            current_epoch: number;
            /** @description The party has registered and asked to begin. */
            ready: boolean;
            /**
             * Format: int32
             * @description Number of epochs with which the aggregator was started.
             */
            total_epoch: number;
        };
        /** @description An event in the feed of all tasks of a project. */
        FeedEvent: components["schemas"]["Event"] & {
            /**
             * Format: int64
             * @description Number of the event in the feed. Numbers grow, and have gaps.
             */
            number: number;
            /** @description Id of the task. */
            task: components["schemas"]["Id"];
            /** @description Name of the task. */
            task_name: string;
        };
        /** @description Server-sent events of all tasks of a project. `id` is the number of the event in the feed, `event` is its kind, and `data` is a `FeedEvent` as JSON. With `progress`, also events `progress` with a `ProgressEvent` as JSON; with `parties`, also events `party` with a `PartyEvent` as JSON. Both have no `id`. */
        FeedStream: string;
        /**
         * @description Kind of mistake in a field.
         * @enum {string}
         */
        FieldCode: "required" | "unknown" | "duplicate" | "too_short" | "too_long" | "out_of_range" | "wrong_type" | "pattern" | "not_allowed" | "reserved" | "unsupported";
        /** @description One invalid field of a request. */
        FieldProblem: {
            /** @description Kind of mistake, for programs. */
            code: components["schemas"]["FieldCode"];
            /** @description Description of the mistake, with the valid values. */
            message: string;
            /**
             * @description JSON pointer into the body, `?name` for a query parameter, or the name of a header.
             * @example /members/1/party
             */
            pointer: string;
        };
        /**
         * @description Framework: how the workload gets its arguments and how its success is recognised.
         * @enum {string}
         */
        Framework: "iflearner" | "generic";
        /**
         * Format: int32
         * @description Longest absence of a required party before the run fails, in seconds.
         * @default 900
         */
        GiveUpDeadline: number;
        /** @description Version, features and limits of the hub. */
        HubInfo: {
            /**
             * @description Names of features that older releases of the same API do not have. Later releases add names.
             * @example [
             *       "event_feed"
             *     ]
             */
            features: string[];
            /** @description Limits of requests. */
            limits: components["schemas"]["HubLimits"];
            /**
             * @description Version of flow-server.
             * @example 0.1.0
             */
            version: string;
        };
        /** @description Limits of requests. */
        HubLimits: {
            /**
             * Format: int64
             * @description Templates, and tasks, of one apply request.
             */
            apply_items_max: number;
            /**
             * Format: int64
             * @description Bytes of a request body.
             */
            body_bytes_max: number;
            /**
             * Format: int64
             * @description Tasks that one request stops or deletes.
             */
            bulk_tasks_max: number;
            /**
             * Format: int64
             * @description Runs of one comparison.
             */
            compared_runs_max: number;
            /**
             * Format: int64
             * @description Labels of a filter.
             */
            label_filters_max: number;
            /**
             * Format: int64
             * @description Items of a page without `limit`.
             */
            page_items_default: number;
            /**
             * Format: int64
             * @description Largest `limit` of a page.
             */
            page_items_max: number;
            /**
             * Format: int64
             * @description Webhooks of a project.
             */
            project_webhooks_max?: number;
            /**
             * Format: int64
             * @description Labels of a task.
             */
            task_labels_max: number;
            /**
             * Format: int64
             * @description Members of a task.
             */
            task_members_max: number;
            /**
             * Format: int64
             * @description Deliveries that the hub keeps of each webhook.
             */
            webhook_deliveries_max?: number;
            /**
             * Format: int64
             * @description Characters of the URL of a webhook.
             */
            webhook_url_chars_max?: number;
        };
        /** @description Version of the hub. */
        HubVersion: {
            /**
             * @description Version of flow-server.
             * @example 0.1.0
             */
            version: string;
        };
        /**
         * @description Id of a task, run, template or agent instance: 32 lower-case hexadecimal digits.
         * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
         */
        Id: string;
        /** @description 1 to 255 visible ASCII characters, new for each different request. */
        IdempotencyKey: string;
        /**
         * @description Request to link a person at an identity provider to an account.
         * @example {
         *       "subject": "248289761001",
         *       "user": "alice"
         *     }
         */
        IdentityInput: {
            /** @description The person's `sub` at the provider. */
            subject: string;
            /** @description Name of the account. */
            user: components["schemas"]["UserName"];
        };
        /** @description First digits of an id. */
        IdPrefix: string;
        /** @description `ETag` of a resource, or `*` for any version. */
        IfMatch: string;
        /** @description Image name. Each party resolves it with its image map. */
        Image: string;
        /** @description Public key. */
        JsonWebKey: {
            /**
             * @description Algorithm of the key.
             * @example ES256
             */
            alg: string;
            /**
             * @description Curve.
             * @example P-256
             */
            crv: string;
            /** @description Id of the key, as in the header of a token. */
            kid: string;
            /**
             * @description Type of the key.
             * @example EC
             */
            kty: string;
            /**
             * @description Use of the key.
             * @example sig
             */
            use: string;
            /** @description First coordinate, in base64url. */
            x: string;
            /** @description Second coordinate, in base64url. */
            y: string;
        };
        /** @description Public keys that verify access tokens of this hub (RFC 7517). */
        JsonWebKeySet: {
            /** @description The keys. */
            keys: components["schemas"]["JsonWebKey"][];
        };
        /**
         * @description A label as `name=value`.
         * @example season=spring
         */
        LabelFilter: string;
        /** @description Labels that a task has, all of them. */
        LabelFilters: components["schemas"]["LabelFilter"][];
        /** @description Labels of a task, by name. */
        Labels: {
            [key: string]: components["schemas"]["LabelValue"];
        };
        /** @description Value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit. */
        LabelValue: string;
        /** @description State of a run and its task. */
        ListedRun: components["schemas"]["RunSummary"] & {
            /**
             * Format: double
             * @description Time from the creation to the end of the run, in seconds. Absent until the end.
             */
            duration_s?: number | null;
            /** @description Id of the task. */
            task: components["schemas"]["Id"];
            /** @description Name of the task. */
            task_name: string;
        };
        /**
         * Format: int32
         * @description Longest runtime of a workload, in seconds.
         * @default 86400
         */
        MaxRuntime: number;
        /** @description Caller, with what its credential allows. */
        Me: {
            /** @description Kind of the credential, as in `token` or `session`. */
            credential: string;
            /** @description The credential administers the federation. */
            federation_admin: boolean;
            /** @description Id of the account. */
            id: components["schemas"]["Id"];
            /** @description Kind of the account. */
            kind: components["schemas"]["UserKind"];
            /** @description Name of the account. */
            name: components["schemas"]["UserName"];
            /** @description Selected project. */
            project: components["schemas"]["ProjectName"];
            /** @description Projects of the caller. */
            projects: components["schemas"]["ProjectAccess"][];
            role?: components["schemas"]["ProjectRole"] | null;
        };
        /**
         * @description One party's part in one run.
         * @example {
         *       "attempt": 1,
         *       "complete": false,
         *       "contact": {
         *         "state": "connected"
         *       },
         *       "desired": "reserved",
         *       "digest": "18276cb850ec46da4fa72fcc62545720810a1b565714d583c6ee3c62c26bb299",
         *       "endpoints": {},
         *       "generation": 2,
         *       "instance": "0190f3a4d3e27e00a1b2c3d4e5f60718",
         *       "observed_generation": 0,
         *       "party": "hospital-a",
         *       "phase": "pending",
         *       "required": true,
         *       "role": "trainer",
         *       "sequence": 0,
         *       "settled": false
         *     }
         */
        Member: {
            /**
             * Format: int32
             * @description Number of the reservation round. At most one workload runs per run, party and attempt.
             */
            attempt: number;
            /** @description The framework has reported that the federation has finished. */
            complete: boolean;
            /** @description Connection of the party's agent. */
            contact: components["schemas"]["Contact"];
            /** @description Desired phase. */
            desired: components["schemas"]["DesiredPhase"];
            /** @description Digest of the spec that the member executes. */
            digest: components["schemas"]["Digest"];
            /** @description Addresses at which other members connect, by name. */
            endpoints: {
                [key: string]: string;
            };
            exit?: components["schemas"]["Exit"] | null;
            /**
             * Format: int64
             * @description Number of the last change of the desired member.
             */
            generation: number;
            instance?: components["schemas"]["Id"] | null;
            /**
             * Format: int64
             * @description Generation that the agent had received when it last reported.
             */
            observed_generation: number;
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Last reported phase. */
            phase: components["schemas"]["MemberPhase"];
            progress?: components["schemas"]["MemberProgress"] | null;
            reason?: components["schemas"]["Reason"] | null;
            /** @description The run cannot succeed without this member. False after the run continues without it. */
            required: boolean;
            resolution?: components["schemas"]["Digest"] | null;
            /** @description Role of the party in the task. */
            role: components["schemas"]["Role"];
            /**
             * Format: int64
             * @description Sequence number of the agent's last report.
             */
            sequence: number;
            /** @description The hub has stored the member's terminal report: no process of the member is alive. */
            settled: boolean;
        };
        /** @description The answer of one party about its part of a task. */
        MemberCheck: {
            /** @description Answer of the party. */
            answer: components["schemas"]["CheckAnswer"];
            /** @description Cause for which the answer is unknown, for people. */
            message?: string | null;
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            reason?: components["schemas"]["Reason"] | null;
            /** @description Role of the party in the task. */
            role: components["schemas"]["Role"];
        };
        /**
         * @description Last reported phase of a member.
         * @enum {string}
         */
        MemberPhase: "pending" | "waiting_approval" | "refused" | "admitted" | "reserved" | "starting" | "running" | "succeeded" | "failed" | "stopped";
        /** @description Progress of one member. */
        MemberProgress: {
            /**
             * Format: int32
             * @description Epoch in progress. `null` if the framework does not report it.
             */
            epoch?: number | null;
            /**
             * Format: int32
             * @description Number of epochs of the run.
             */
            epochs?: number | null;
            /** @description Latest value of each metric. `null` is a value that is not a finite number. */
            metrics: {
                [key: string]: number | null;
            };
            /** @description Progress of every party, as the aggregator reports it. Absent for other members. */
            parties?: {
                [key: string]: components["schemas"]["FederationProgress"];
            };
        };
        /** @description All series of one member of a run. */
        MemberSeries: {
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Series, sorted by name. */
            series: components["schemas"]["Series"][];
        };
        /** @description Account with a role in a project. */
        Membership: {
            /** @description When the account first got a role in the project. */
            added_at: components["schemas"]["DateTime"];
            /** @description Role of the account in the project. */
            role: components["schemas"]["ProjectRole"];
            /** @description Name of the account. */
            user: components["schemas"]["UserName"];
        };
        /**
         * @description Request to give an account a role.
         * @example {
         *       "role": "submitter"
         *     }
         */
        MembershipInput: {
            /** @description Role in the project. */
            role: components["schemas"]["ProjectRole"];
        };
        /**
         * Format: int32
         * @description Memory, in MiB; 0 requests none.
         * @default 0
         */
        MemoryMib: number;
        /** @description Newest and best value of a series. */
        MetricValues: {
            /**
             * Format: double
             * @description Best value. `null` if no value is a finite number.
             */
            best?: number | null;
            /**
             * Format: int64
             * @description Epoch or step of the best value.
             */
            best_step?: number | null;
            /**
             * Format: double
             * @description Newest value. `null` is a value that is not a finite number.
             */
            last?: number | null;
            /**
             * Format: int64
             * @description Epoch or step of the newest value.
             */
            last_step: number;
        };
        /**
         * Format: int32
         * @description Number of trainers that must be ready for a start; at most the number of trainers of the task.
         */
        MinimumParties: number;
        /** @description Name of a template or task, unique among its kind in the project. Control characters, `/`, `\` and `..` are not allowed, nor is white space at either end. */
        Name: string;
        /** @description Beginning of a name. */
        NamePrefix: string;
        /**
         * @description Request to add a party.
         * @example {
         *       "name": "hospital-a",
         *       "remark": "Children's hospital"
         *     }
         */
        NewParty: {
            /** @description Name and identity of the party. It cannot be changed. */
            name: components["schemas"]["PartyName"];
            /** @description Free text for people. */
            remark?: components["schemas"]["Remark"];
        };
        /**
         * @description Request to set a password.
         * @example {
         *       "current": "a staple of old",
         *       "password": "correct horse battery"
         *     }
         */
        NewPassword: {
            current?: components["schemas"]["Password"] | null;
            /** @description New password. */
            password: components["schemas"]["Password"];
        };
        /**
         * @description Request to create a project.
         * @example {
         *       "all_parties": false,
         *       "name": "tumours",
         *       "remark": "Segmentation of tumours"
         *     }
         */
        NewProject: {
            /**
             * @description Offer every party of the federation to the project.
             * @default false
             */
            all_parties: boolean;
            /** @description Name of the project. It cannot be changed, nor used again after a deletion. */
            name: components["schemas"]["ProjectName"];
            /** @description Free text for people. */
            remark?: components["schemas"]["Remark"];
        };
        /**
         * @description Request to create an API token.
         * @example {
         *       "expires_in_days": 90,
         *       "name": "nightly training",
         *       "role": "submitter",
         *       "scope": "api"
         *     }
         */
        NewToken: {
            /** @description Days until the token expires. 0: the token never expires. */
            expires_in_days?: components["schemas"]["TokenDays"];
            /** @description Purpose of the token, for people. */
            name: components["schemas"]["TokenName"];
            project?: components["schemas"]["ProjectName"] | null;
            role?: components["schemas"]["ProjectRole"] | null;
            /**
             * @description Uses of the token.
             * @default api
             */
            scope: components["schemas"]["TokenScope"];
            user?: components["schemas"]["UserName"] | null;
        };
        /**
         * @description Request to create an account.
         * @example {
         *       "federation_admin": false,
         *       "kind": "person",
         *       "name": "alice"
         *     }
         */
        NewUser: {
            /**
             * @description Let the account administer the federation.
             * @default false
             */
            federation_admin: boolean;
            /**
             * @description Kind of the account. A service has API tokens only.
             * @default person
             */
            kind: components["schemas"]["UserKind"];
            /** @description Name of the account. It cannot be changed. */
            name: components["schemas"]["UserName"];
            password?: components["schemas"]["Password"] | null;
        };
        /**
         * Format: int32
         * @description Longest time without progress while the run is running, in seconds.
         * @default 1800
         */
        NoProgressDeadline: number;
        /** @description Names of datasets that a project may use. */
        OfferedDatasets: components["schemas"]["DatasetName"][];
        /** @description Party that is offered to a project by name. */
        OfferedParty: {
            /** @description When the party was offered. */
            added_at: components["schemas"]["DateTime"];
            /** @description Datasets that the project may use. Absent: all of the party. */
            datasets?: components["schemas"]["DatasetName"][] | null;
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
        };
        /**
         * @description Request to offer a party to a project.
         * @example {
         *       "datasets": [
         *         "digits"
         *       ]
         *     }
         */
        OfferInput: {
            datasets?: components["schemas"]["OfferedDatasets"] | null;
        };
        /** @description Identity provider. */
        OidcProvider: {
            /** @description Text for a button. */
            label: string;
            /** @description Name of the provider at this hub. */
            name: components["schemas"]["ProviderName"];
            /**
             * @description Path that begins a sign-in, for a browser.
             * @example /api/v2/oidc/company/start
             */
            start: string;
        };
        /** @description Identity providers of the hub. */
        OidcProviderList: {
            /** @description Providers, by name. */
            items: components["schemas"]["OidcProvider"][];
        };
        /** @description Program and its arguments. Empty selects the framework's own. */
        OptionalCommand: [
            string
        ];
        /**
         * @description Member that a party's agent reports and that the hub does not know.
         * @example {
         *       "attempt": 1,
         *       "id": "hospital-a.0190f3a4c2d17e00a1b2c3d4e5f60718.1",
         *       "party": "hospital-a",
         *       "phase": "running",
         *       "run": "0190f3a4c2d17e00a1b2c3d4e5f60718",
         *       "seen_at": "2026-01-01T00:00:00.000000Z",
         *       "spec_digest": "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf",
         *       "task": "0190f3a4b1c07e00a1b2c3d4e5f60718"
         *     }
         */
        Orphan: {
            /**
             * Format: int32
             * @description Number of the reservation round.
             */
            attempt: number;
            decision?: components["schemas"]["OrphanDecision"] | null;
            /** @description Id of the orphan: party, run and attempt. */
            id: components["schemas"]["OrphanId"];
            /** @description Name of the party that reports the orphan. */
            party: components["schemas"]["PartyName"];
            /** @description Last reported phase. */
            phase: components["schemas"]["MemberPhase"];
            /** @description Id of the run, as the agent reports it. */
            run: components["schemas"]["Id"];
            /** @description When the agent last reported the orphan. */
            seen_at: components["schemas"]["DateTime"];
            spec_digest?: components["schemas"]["Digest"] | null;
            task?: components["schemas"]["Id"] | null;
        };
        /**
         * @description Decision of an administrator about an orphan.
         * @enum {string}
         */
        OrphanDecision: "stop" | "keep";
        /**
         * @description Id of an orphan: party, run and attempt, separated by dots.
         * @example hospital-a.0190f3a4c2d17e00a1b2c3d4e5f60718.1
         */
        OrphanId: string;
        /**
         * @description Result of a run.
         * @enum {string}
         */
        Outcome: "succeeded" | "failed" | "cancelled";
        /** @description A file that a workload left in its output directory. */
        Output: {
            /** @description Time of the last change, from the clock of the party. */
            modified_at: components["schemas"]["DateTime"];
            /** @description Path relative to the output directory. */
            path: components["schemas"]["OutputPath"];
            sha256?: components["schemas"]["Digest"] | null;
            /**
             * Format: int64
             * @description Size in bytes.
             */
            size: number;
        };
        /**
         * @description The outputs of one member.
         * @example {
         *       "left_out": 0,
         *       "outputs": [
         *         {
         *           "modified_at": "2026-01-01T00:00:00.000000Z",
         *           "path": "model.npz",
         *           "sha256": "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4",
         *           "size": 5312
         *         }
         *       ]
         *     }
         */
        OutputList: {
            /**
             * Format: int32
             * @description Number of entries that are not listed: beyond 1,000 files, not plain files, or with names
             *     that cannot be printed.
             */
            left_out: number;
            /** @description Files, ordered by path. */
            outputs: components["schemas"]["Output"][];
        };
        /**
         * @description Path of an output relative to the output directory, at most 512 bytes and 16 parts: no empty part, `.` or `..`, and no control character.
         * @example model.npz
         */
        OutputPath: string;
        /** @description State of a project: counts, objects that need attention, and runs over time. */
        Overview: {
            /** @description When the hub read the state. */
            at: components["schemas"]["DateTime"];
            /** @description Objects that need attention. */
            attention: components["schemas"]["Attention"];
            /** @description Equal parts of the period, oldest first. */
            buckets: components["schemas"]["OverviewBucket"][];
            /**
             * @description Number of tasks by the phase of the newest run; `new` counts tasks without a run. A phase
             *     without tasks is absent.
             * @example {
             *       "new": 2,
             *       "running": 1,
             *       "succeeded": 40
             *     }
             */
            counts: {
                [key: string]: number;
            };
            /**
             * Format: int32
             * @description Hours of the period, which ends at `at`.
             */
            hours: number;
        };
        /** @description One part of the period of an overview. */
        OverviewBucket: {
            /** @description Begin of the part. It ends at the begin of the next one. */
            at: components["schemas"]["DateTime"];
            /**
             * Format: int64
             * @description Runs that were cancelled.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Runs that failed.
             */
            failed: number;
            /**
             * Format: double
             * @description Longest such time, in seconds.
             */
            queue_seconds_max?: number | null;
            /**
             * Format: double
             * @description Median time from the creation of a run until all of its members ran, of the runs that ended
             *     in this part, in seconds. It is an estimate if there are many runs. `null` if none of them
             *     ran.
             */
            queue_seconds_p50?: number | null;
            /**
             * Format: int64
             * @description Runs that were created.
             */
            started: number;
            /**
             * Format: int64
             * @description Runs that ended with success.
             */
            succeeded: number;
        };
        /**
         * Format: int32
         * @description Hours of the period of an overview.
         * @default 24
         */
        OverviewHours: number;
        /** @description One page of a list. */
        Page_AuditEntry: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["AuditEntry"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Delivery: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Delivery"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Event: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Event"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_FeedEvent: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["FeedEvent"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_ListedRun: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["ListedRun"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Membership: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Membership"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_OfferedParty: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["OfferedParty"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Orphan: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Orphan"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Party: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Party"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Project: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Project"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Revision: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Revision"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Run: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Run"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Selection: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Selection"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Task: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Task"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Template: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Template"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Token: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Token"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_User: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["User"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description One page of a list. */
        Page_Webhook: {
            /** @description Items of the page, in the order of the list. */
            items: components["schemas"]["Webhook"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /**
         * Format: int32
         * @description Largest number of items of a page.
         * @default 50
         */
        PageLimit: number;
        /** @description Valid values of a parameter. */
        ParameterEnum: components["schemas"]["ParameterValue"][];
        /** @description Parameters that a task may set, by name. */
        ParameterSchemas: {
            [key: string]: components["schemas"]["ParamSchemaInput"];
        };
        /** @description Value of a parameter, as text. */
        ParameterValue: string;
        /** @description Values of parameters, by name. Numbers are text too. */
        ParameterValues: {
            [key: string]: components["schemas"]["ParameterValue"];
        };
        /**
         * @description One parameter that a template declares. Values are text; the type restricts which texts are
         *     valid.
         */
        ParamSchema: {
            default?: components["schemas"]["ParameterValue"] | null;
            /** @description Description for people. */
            description?: components["schemas"]["Description"];
            /** @description Valid values. Absent if the type alone decides. */
            enum?: components["schemas"]["ParameterEnum"];
            maximum?: components["schemas"]["ParameterValue"] | null;
            minimum?: components["schemas"]["ParameterValue"] | null;
            /** @description Type of the value. */
            type: components["schemas"]["ParamType"];
        };
        /**
         * @description One parameter that a template declares, in a request. Values are text; the type restricts which
         *     texts are valid.
         */
        ParamSchemaInput: {
            default?: components["schemas"]["ParameterValue"] | null;
            /** @description Description for people. */
            description?: components["schemas"]["Description"];
            /** @description Valid values. Absent if the type alone decides. */
            enum?: components["schemas"]["ParameterEnum"];
            maximum?: components["schemas"]["ParameterValue"] | null;
            minimum?: components["schemas"]["ParameterValue"] | null;
            /** @description Type of the value. */
            type: components["schemas"]["ParamType"];
        };
        /**
         * @description Type of a parameter: which texts are valid.
         * @enum {string}
         */
        ParamType: "string" | "integer" | "number" | "boolean";
        /**
         * @description Organisation that takes part in tasks with its own agent and data.
         * @example {
         *       "agent": {
         *         "instance": "0190f3a4d3e27e00a1b2c3d4e5f60718",
         *         "version": "0.1.0"
         *       },
         *       "contact": {
         *         "state": "connected"
         *       },
         *       "created_at": "2026-01-01T00:00:00.000000Z",
         *       "name": "hospital-a",
         *       "remark": "Children's hospital"
         *     }
         */
        Party: {
            agent?: components["schemas"]["Agent"] | null;
            /** @description Connection of the party's agent. */
            contact: components["schemas"]["Contact"];
            /** @description When the party was added. */
            created_at: components["schemas"]["DateTime"];
            disabled_at?: components["schemas"]["DateTime"] | null;
            /** @description Images, datasets and resources of the party, as its agent reports them. Lists leave it out. */
            inventory?: Record<string, never> | null;
            /** @description Name of the party. */
            name: components["schemas"]["PartyName"];
            /** @description Free text for people. */
            remark: string;
        };
        /** @description Party whose agent has disconnected. */
        PartyAway: {
            /** @description Name of the party. */
            name: components["schemas"]["PartyName"];
            /** @description When the agent disconnected. */
            since: components["schemas"]["DateTime"];
        };
        /**
         * @description New party with its secret.
         * @example {
         *       "name": "hospital-a",
         *       "secret": "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf"
         *     }
         */
        PartyCreated: {
            /** @description Name of the party. */
            name: components["schemas"]["PartyName"];
            /**
             * @description Secret with which the party's agent authenticates. The hub stores only its hash and cannot
             *     show it again.
             */
            secret: string;
        };
        /** @description Opening or end of the session of a party's agent, in a stream of events. */
        PartyEvent: {
            /** @description Connection of the party's agent. */
            contact: components["schemas"]["Contact"];
            /** @description Name of the party. */
            name: components["schemas"]["PartyName"];
        };
        /**
         * @description Name of a party: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
         * @example hospital-a
         */
        PartyName: string;
        /** @description New secret of a party. */
        PartySecret: {
            former_until?: components["schemas"]["DateTime"] | null;
            /** @description Name of the party. */
            name: components["schemas"]["PartyName"];
            /**
             * @description Secret with which the party's agent authenticates. The hub stores only its hash and cannot
             *     show it again.
             */
            secret: string;
        };
        /** @description Password. */
        Password: string;
        /**
         * @description Phase of a run, or `new` for a task that was never started.
         * @enum {string}
         */
        PhaseFilter: "queued" | "reserving" | "starting" | "running" | "stopping" | "succeeded" | "failed" | "cancelled" | "new";
        /** @description Phases of the newest run, separated by commas; `new` selects tasks without a run. */
        PhaseFilters: components["schemas"]["PhaseFilter"][];
        /**
         * @description Failure of a request (RFC 9457).
         * @example {
         *       "code": "task_not_found",
         *       "detail": "there is no task 0190f3a4b1c07e00a1b2c3d4e5f60718",
         *       "request_id": "0190f3a4e4f37e00a1b2c3d4e5f60718",
         *       "retryable": false,
         *       "status": 404,
         *       "title": "no task has this id or name",
         *       "type": "/docs#task_not_found"
         *     }
         */
        Problem: {
            /** @description Kind of failure, for programs. Codes do not change. */
            code: components["schemas"]["ErrorCode"];
            /** @description Description of this failure: the object, the cause and the next step. */
            detail: string;
            /** @description All invalid fields of the request. */
            fields?: components["schemas"]["FieldProblem"][];
            /** @description Number of invalid fields that `fields` leaves out. Absent if it lists all. */
            more_fields?: number | null;
            /** @description Id of the request in the log of the hub; the same as the header `X-Request-Id`. */
            request_id: string;
            /** @description The same request may succeed later without a change. */
            retryable: boolean;
            /**
             * Format: int32
             * @description HTTP status.
             * @example 404
             */
            status: number;
            /** @description Summary of the `code`; the same for every failure of this kind. */
            title: string;
            /**
             * @description Link to the description of the `code` in the table of errors.
             * @example /docs#task_not_found
             */
            type: string;
        };
        /**
         * @description New progress of a member of a run, in a stream of events. The hub may leave out events of
         *     progress for a client that reads slowly.
         */
        ProgressEvent: {
            /** @description When the hub stored the progress. */
            at: components["schemas"]["DateTime"];
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Progress of the member. */
            progress: components["schemas"]["MemberProgress"];
            /** @description Id of the run. */
            run: components["schemas"]["Id"];
            /** @description New points of the member's series since the last event, at most the newest 200. */
            series: components["schemas"]["Series"][];
            /** @description Id of the task. */
            task: components["schemas"]["Id"];
        };
        /** @description Progress of a run: the epoch of its slowest trainer. */
        ProgressSummary: {
            /**
             * Format: int32
             * @description Epoch that every trainer has reached. `null` until every trainer has reported one.
             */
            epoch?: number | null;
            /**
             * Format: int32
             * @description Number of epochs of the run.
             */
            epochs?: number | null;
            /**
             * @description Epoch of each member that has reported one.
             * @example {
             *       "hospital-a": 3,
             *       "hospital-b": 4
             *     }
             */
            members: {
                [key: string]: number;
            };
        };
        /** @description Project: tasks and templates that its members share. */
        Project: {
            /** @description Every party of the federation is offered to the project. */
            all_parties: boolean;
            /** @description When the project was created. */
            created_at: components["schemas"]["DateTime"];
            /** @description Name of the project. */
            name: components["schemas"]["ProjectName"];
            /** @description Stored objects of the project, and their limits. */
            quotas: components["schemas"]["ProjectQuotas"];
            /** @description Free text for people. */
            remark: string;
        };
        /** @description Role of the caller in a project. */
        ProjectAccess: {
            /** @description Name of the project. */
            project: components["schemas"]["ProjectName"];
            /** @description Role of the caller. */
            role: components["schemas"]["ProjectRole"];
        };
        /**
         * @description Request to change a project. An absent field does not change.
         * @example {
         *       "all_parties": true,
         *       "quotas": {
         *         "tasks": 500
         *       }
         *     }
         */
        ProjectEdit: {
            /** @description Offer every party of the federation to the project, or only those that were offered by name. */
            all_parties?: boolean | null;
            quotas?: components["schemas"]["QuotaEdit"] | null;
            remark?: components["schemas"]["Remark"] | null;
        };
        /**
         * @description Name of a project: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
         * @example default
         */
        ProjectName: string;
        /**
         * @description Stored objects of a project, and their limits. Deleted tasks, their runs, and deleted templates
         *     do not count.
         */
        ProjectQuotas: {
            /** @description Runs of the tasks. */
            runs: components["schemas"]["Quota"];
            /** @description Tasks. */
            tasks: components["schemas"]["Quota"];
            /** @description Templates. */
            templates: components["schemas"]["Quota"];
        };
        /**
         * @description Role of an account in a project. A role includes the roles before it.
         * @enum {string}
         */
        ProjectRole: "viewer" | "submitter" | "operator" | "admin";
        /**
         * @description Name of an identity provider: 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'.
         * @example company
         */
        ProviderName: string;
        /**
         * Format: int32
         * @description Longest time from the start of the task to its first workload, in seconds.
         * @default 3600
         */
        QueueDeadline: number;
        /** @description Number of stored objects of one kind, and their limit. */
        Quota: {
            /**
             * Format: int64
             * @description Number beyond which no object can be created.
             */
            limit: number;
            /**
             * Format: int64
             * @description Objects that are stored.
             */
            used: number;
        };
        /**
         * @description Change of the limits of a project. An absent field does not change; `null` is the limit in the
         *     configuration of the hub.
         */
        QuotaEdit: {
            runs?: components["schemas"]["QuotaLimit"] | null;
            tasks?: components["schemas"]["QuotaLimit"] | null;
            templates?: components["schemas"]["QuotaLimit"] | null;
        };
        /**
         * Format: int32
         * @description Largest number of stored objects of one kind in a project.
         */
        QuotaLimit: number;
        /** @description Reason for the phase of a member. */
        Reason: {
            /** @description Kind of reason, for programs. */
            code: components["schemas"]["ReasonCode"];
            /** @description Description for people: the cause and what to change. */
            message: string;
        };
        /**
         * @description Reason for the phase of a member.
         * @enum {string}
         */
        ReasonCode: "policy_denied" | "approval_required" | "approval_denied" | "image_unknown" | "image_unusable" | "dataset_unknown" | "dataset_unusable" | "spec_invalid" | "bindings_invalid" | "resources_exhausted" | "agent_disk_full" | "previous_run_stopping" | "hold_expired" | "spawn_failed" | "exit_nonzero" | "exit_signal" | "peer_lost" | "max_runtime_exceeded" | "sidecar_lost" | "agent_state_lost" | "port_taken" | "never_delivered" | "released" | "stop_requested" | "stopped_by_party" | "object_deleted" | "name_taken" | "pulling" | "unschedulable" | "runtime_error";
        /**
         * @description Free text for people, without control characters except line breaks and tabs.
         * @default
         */
        Remark: string;
        /** @description Resources that each member requests. 0 requests none. */
        Resources: {
            /** @description Processor time, in thousandths of a core. */
            cpu_millis: components["schemas"]["CpuMillis"];
            /** @description Memory, in MiB. */
            memory_mib: components["schemas"]["MemoryMib"];
        };
        /** @description Resources that each member requests, in a request. 0 requests none. */
        ResourcesInput: {
            /**
             * @description Processor time, in thousandths of a core.
             * @default 0
             */
            cpu_millis: components["schemas"]["CpuMillis"];
            /**
             * @description Memory, in MiB.
             * @default 0
             */
            memory_mib: components["schemas"]["MemoryMib"];
        };
        /**
         * Format: int32
         * @description Number of new runs after failures that a new run may avoid.
         * @default 0
         */
        Retries: number;
        /**
         * @description One revision of a template. Revisions never change.
         * @example {
         *       "aggregator_command": [],
         *       "command": [
         *         "python",
         *         "-u",
         *         "client.py"
         *       ],
         *       "created_at": "2026-01-01T00:00:00.000000Z",
         *       "env": {},
         *       "framework": "iflearner",
         *       "image": "iflearner-digits:1",
         *       "max_runtime_s": 86400,
         *       "name": "digits",
         *       "parameters": {
         *         "learning_rate": {
         *           "default": "0.1",
         *           "description": "learning rate",
         *           "maximum": "1",
         *           "minimum": "0",
         *           "type": "number"
         *         }
         *       },
         *       "remark": "Handwritten digits with a numpy model",
         *       "requires_aggregator": true,
         *       "requires_dataset": [],
         *       "resources": {
         *         "cpu_millis": 0,
         *         "memory_mib": 0
         *       },
         *       "revision": 1,
         *       "stop_grace_s": 10,
         *       "workdir": ""
         *     }
         */
        Revision: components["schemas"]["TemplateContent"] & {
            /** @description When the revision was created. */
            created_at: components["schemas"]["DateTime"];
            /**
             * Format: int32
             * @description Number of the revision, from 1.
             */
            revision: number;
        };
        /**
         * Format: int64
         * @description Number of a revision of a template, from 1.
         */
        RevisionNumber: number;
        /**
         * @description Role of a party in a task.
         * @enum {string}
         */
        Role: "aggregator" | "trainer";
        /** @description Deadlines, retries and number of parties of each run of a task. */
        Rules: {
            /** @description Longest absence of a required party before the run fails, in seconds. */
            give_up_after_s: components["schemas"]["GiveUpDeadline"];
            minimum_parties?: components["schemas"]["MinimumParties"] | null;
            /** @description Longest time without progress while the run is running, in seconds. */
            no_progress_s: components["schemas"]["NoProgressDeadline"];
            /** @description Longest time from the start of the task to its first workload, in seconds. */
            queue_deadline_s: components["schemas"]["QueueDeadline"];
            /** @description Number of new runs after failures that a new run may avoid. */
            retries: components["schemas"]["Retries"];
            /** @description Longest time from the start of the members until all are running, in seconds. */
            start_deadline_s: components["schemas"]["StartDeadline"];
        };
        /** @description Deadlines, retries and number of parties of each run of a task, in a request. */
        RulesInput: {
            /**
             * @description Longest absence of a required party before the run fails, in seconds.
             * @default 900
             */
            give_up_after_s: components["schemas"]["GiveUpDeadline"];
            /** @default null */
            minimum_parties: components["schemas"]["MinimumParties"] | null;
            /**
             * @description Longest time without progress while the run is running, in seconds.
             * @default 1800
             */
            no_progress_s: components["schemas"]["NoProgressDeadline"];
            /**
             * @description Longest time from the start of the task to its first workload, in seconds.
             * @default 3600
             */
            queue_deadline_s: components["schemas"]["QueueDeadline"];
            /**
             * @description Number of new runs after failures that a new run may avoid.
             * @default 0
             */
            retries: components["schemas"]["Retries"];
            /**
             * @description Longest time from the start of the members until all are running, in seconds.
             * @default 300
             */
            start_deadline_s: components["schemas"]["StartDeadline"];
        };
        /**
         * @description One start of a task, with its members. Derefs to its summary.
         * @example {
         *       "attempt": 1,
         *       "created_at": "2026-01-01T00:00:00.000000Z",
         *       "framework": "iflearner",
         *       "id": "0190f3a4c2d17e00a1b2c3d4e5f60718",
         *       "inputs": {
         *         "datasets": {
         *           "hospital-a": "digits",
         *           "hospital-b": "digits"
         *         },
         *         "epochs": 10,
         *         "parameters": {
         *           "learning_rate": "0.05"
         *         },
         *         "revision": 1,
         *         "template": "0190f3a4a0b97e00a1b2c3d4e5f60718",
         *         "template_name": "digits"
         *       },
         *       "members": [
         *         {
         *           "attempt": 1,
         *           "complete": false,
         *           "contact": {
         *             "state": "connected"
         *           },
         *           "desired": "reserved",
         *           "digest": "08d33503ee27d4c13055d0cefec5e730be4ef2e41cd6cfce434936ec1e7c9d4b",
         *           "endpoints": {},
         *           "generation": 2,
         *           "instance": "0190f3a4d3e27e00a1b2c3d4e5f60718",
         *           "observed_generation": 0,
         *           "party": "hub",
         *           "phase": "pending",
         *           "required": true,
         *           "role": "aggregator",
         *           "sequence": 0,
         *           "settled": false
         *         },
         *         {
         *           "attempt": 1,
         *           "complete": false,
         *           "contact": {
         *             "state": "connected"
         *           },
         *           "desired": "reserved",
         *           "digest": "18276cb850ec46da4fa72fcc62545720810a1b565714d583c6ee3c62c26bb299",
         *           "endpoints": {},
         *           "generation": 2,
         *           "instance": "0190f3a4d3e27e00a1b2c3d4e5f60718",
         *           "observed_generation": 0,
         *           "party": "hospital-a",
         *           "phase": "pending",
         *           "required": true,
         *           "role": "trainer",
         *           "sequence": 0,
         *           "settled": false
         *         },
         *         {
         *           "attempt": 1,
         *           "complete": false,
         *           "contact": {
         *             "state": "connected"
         *           },
         *           "desired": "reserved",
         *           "digest": "fb06304e6e38217bd3670f963e8a7cf99ff66f097042adeada8d5ad8042b4463",
         *           "endpoints": {},
         *           "generation": 2,
         *           "instance": "0190f3a4d3e27e00a1b2c3d4e5f60718",
         *           "observed_generation": 0,
         *           "party": "hospital-b",
         *           "phase": "pending",
         *           "required": true,
         *           "role": "trainer",
         *           "sequence": 0,
         *           "settled": false
         *         }
         *       ],
         *       "not_before": "2026-01-01T00:00:00.000000Z",
         *       "number": 1,
         *       "phase": "reserving",
         *       "phase_until": "2026-01-01T00:00:30.000000Z",
         *       "progress": {
         *         "epoch": null,
         *         "epochs": 10,
         *         "members": {}
         *       },
         *       "progress_at": "2026-01-01T00:00:00.000000Z",
         *       "queue_until": "2026-01-01T01:00:00.000000Z",
         *       "retries_left": 0,
         *       "rules": {
         *         "give_up_after_s": 900,
         *         "no_progress_s": 1800,
         *         "queue_deadline_s": 3600,
         *         "retries": 0,
         *         "start_deadline_s": 300
         *       },
         *       "started_by": "alice",
         *       "task": "0190f3a4b1c07e00a1b2c3d4e5f60718",
         *       "waiting": {
         *         "code": "reservation",
         *         "message": "hub has not reserved resources yet",
         *         "party": "hub",
         *         "since": "2026-01-01T00:00:00.000000Z",
         *         "until": "2026-01-01T00:00:30.000000Z"
         *       }
         *     }
         */
        Run: components["schemas"]["RunSummary"] & {
            /**
             * Format: int32
             * @description Number of the newest reservation round.
             */
            attempt: number;
            /** @description Framework of the template. */
            framework: components["schemas"]["Framework"];
            inputs?: components["schemas"]["RunInputs"] | null;
            /** @description Members, in the order of the task. */
            members: components["schemas"]["Member"][];
            /** @description The hub does not start the run before this time. */
            not_before: components["schemas"]["DateTime"];
            phase_until?: components["schemas"]["DateTime"] | null;
            /** @description When a member last made progress. */
            progress_at: components["schemas"]["DateTime"];
            /** @description The run fails if no workload has started by this time. */
            queue_until: components["schemas"]["DateTime"];
            /**
             * Format: int32
             * @description Number of retries that are left after this run.
             */
            retries_left: number;
            retry_of?: components["schemas"]["Id"] | null;
            /** @description Rules of the task when the run was created. */
            rules: components["schemas"]["Rules"];
            settled_at?: components["schemas"]["DateTime"] | null;
            /**
             * @description Name of the credential that started the task. Absent for a run of an earlier version of the
             *     hub.
             */
            started_by?: string | null;
            /** @description Id of the task. */
            task: components["schemas"]["Id"];
        };
        /** @description Runs side by side. Each list of values is in the order of the runs. */
        RunComparison: {
            /** @description Inputs whose values differ, sorted by name. */
            inputs: components["schemas"]["ComparedInput"][];
            /** @description Series of the runs, sorted by party and name. */
            metrics: components["schemas"]["ComparedMetric"][];
            /** @description At least one run has more series than the comparison shows. */
            more_metrics: boolean;
            /** @description The runs, in the order of the request. */
            runs: components["schemas"]["ListedRun"][];
        };
        /**
         * @description Name of a field of a run.
         * @enum {string}
         */
        RunField: "id" | "number" | "phase" | "waiting" | "progress" | "ending" | "created_at" | "running_at" | "finished_at" | "task" | "task_name" | "duration_s";
        /** @description Fields of a run, separated by commas. */
        RunFields: components["schemas"]["RunField"][];
        /**
         * @description Inputs of a run: task and template at its start. A retry has the inputs of the run that it
         *     repeats.
         */
        RunInputs: {
            /** @description Name of each member's dataset, by party. */
            datasets: {
                [key: string]: string;
            };
            /**
             * Format: int32
             * @description Number of training rounds.
             */
            epochs: number;
            /**
             * @description Values of all parameters, by name: those of the task or of the start request, and the
             *     defaults of the template.
             */
            parameters: {
                [key: string]: string;
            };
            /**
             * Format: int32
             * @description Revision of the template.
             */
            revision: number;
            /** @description Id of the template. */
            template: components["schemas"]["Id"];
            /** @description Name of the template at the start of the run. */
            template_name: string;
        };
        /**
         * @description Phase of a run.
         * @enum {string}
         */
        RunPhase: "queued" | "reserving" | "starting" | "running" | "stopping" | "succeeded" | "failed" | "cancelled";
        /** @description Phases of a run, separated by commas. */
        RunPhaseFilters: components["schemas"]["RunPhase"][];
        /**
         * @description Id of a run, its number within the task, or `latest`.
         * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
         */
        RunReference: string;
        /** @description All series of one run. */
        RunSeries: {
            /** @description Members of the run, in the order of the task. */
            members: components["schemas"]["MemberSeries"][];
        };
        /** @description State of a run, without its members. */
        RunSummary: {
            /** @description When the run was created. */
            created_at: components["schemas"]["DateTime"];
            ending?: components["schemas"]["Ending"] | null;
            finished_at?: components["schemas"]["DateTime"] | null;
            /** @description Id of the run. */
            id: components["schemas"]["Id"];
            /**
             * Format: int32
             * @description Number of the run within its task, from 1.
             */
            number: number;
            /** @description Phase of the run. */
            phase: components["schemas"]["RunPhase"];
            /** @description Progress of the run. */
            progress: components["schemas"]["ProgressSummary"];
            running_at?: components["schemas"]["DateTime"] | null;
            waiting?: components["schemas"]["Waiting"] | null;
        };
        /**
         * @description Request to replace a party's secret.
         * @example {
         *       "overlap_s": 3600
         *     }
         */
        SecretRotation: {
            /**
             * Format: int32
             * @description Seconds for which the hub still accepts the old secret. 0 revokes the old secret at once.
             * @default 0
             */
            overlap_s: number;
        };
        /** @description Selected fields of an item of a list, each as in the whole item. */
        Selection: {
            /** @description Id of the item. */
            id: components["schemas"]["Id"];
        } & {
            [key: string]: unknown;
        };
        /** @description Values of one metric over time. */
        Series: {
            /**
             * @description Name of the metric.
             * @example local/acc
             */
            name: string;
            /** @description Points, sorted by step. The hub thins out a long series. */
            points: components["schemas"]["SeriesPoint"][];
        };
        /**
         * @description All series of one member.
         * @example {
         *       "series": [
         *         {
         *           "name": "local/acc",
         *           "points": [
         *             {
         *               "step": 1,
         *               "value": 0.81
         *             },
         *             {
         *               "step": 2,
         *               "value": 0.93
         *             }
         *           ]
         *         }
         *       ]
         *     }
         */
        SeriesList: {
            /** @description Series, sorted by name. */
            series: components["schemas"]["Series"][];
        };
        /** @description One value of a metric. */
        SeriesPoint: {
            /**
             * Format: int64
             * @description Epoch or step.
             */
            step: number;
            /**
             * Format: double
             * @description Value of the metric. `null` is a value that is not a finite number.
             */
            value?: number | null;
        };
        /** @description Session of a browser. */
        Session: {
            /** @description Client as it named itself. */
            client: string;
            /** @description When the session began. */
            created_at: components["schemas"]["DateTime"];
            /** @description The session of this request. */
            current: boolean;
            /** @description When the session ends at the latest. */
            expires_at: components["schemas"]["DateTime"];
            /** @description Id of the session. */
            id: components["schemas"]["Id"];
            /** @description Method of the sign-in, as in `password`. */
            method: string;
            /** @description Last use, in steps of five minutes. */
            seen_at: components["schemas"]["DateTime"];
        };
        /**
         * Format: int32
         * @description Largest number of sessions of a page.
         * @default 200
         */
        SessionLimit: number;
        /** @description Sessions of the caller. */
        SessionList: {
            /** @description Sessions, oldest first. */
            items: components["schemas"]["Session"][];
            /** @description Value of `cursor` for the next page. Absent on the last page. */
            next?: string | null;
        };
        /** @description First account, a federation administrator, with its API token. */
        SetupDone: {
            /** @description Text of the API token. The hub stores only its hash and cannot show it again. */
            secret: string;
            /** @description The API token. */
            token: components["schemas"]["Token"];
            /** @description The account. */
            user: components["schemas"]["User"];
        };
        /**
         * @description Request to create the first account of a hub.
         * @example {
         *       "code": "0123456789abcdef",
         *       "name": "alice"
         *     }
         */
        SetupInput: {
            /** @description Content of the file `setup-code` in the data directory of the hub. */
            code: string;
            /** @description Name of the new account. */
            name: components["schemas"]["UserName"];
            password?: components["schemas"]["Password"] | null;
        };
        /**
         * @description Request to sign in: `name` and `password`, or `code` alone.
         * @example {
         *       "name": "alice",
         *       "password": "correct horse battery"
         *     }
         */
        SignIn: {
            /** @description One-time code of `create_sign_in_code`. Small letters and missing hyphens are accepted. */
            code?: string;
            /** @description Name of the account. */
            name?: string;
            /** @description Password of the account. */
            password?: string;
        };
        /** @description One-time code with which the caller opens a session in a browser. */
        SignInCode: {
            /** @description The code. The hub stores only its hash and cannot show it again. */
            code: components["schemas"]["SignInCodeText"];
            /** @description When the code expires. */
            expires_at: components["schemas"]["DateTime"];
        };
        /**
         * @description One-time code for a browser.
         * @example WDJB-MJHT-BCDF-GHJK
         */
        SignInCodeText: string;
        /**
         * Format: int32
         * @description Longest time from the start of the members until all are running, in seconds.
         * @default 300
         */
        StartDeadline: number;
        /**
         * @description Request to start a task: values that replace those of the task in the new run and in its retries.
         *     The task does not change.
         * @example {
         *       "epochs": 20,
         *       "parameters": {
         *         "learning_rate": "0.01"
         *       }
         *     }
         */
        StartInput: {
            /** @default null */
            epochs: components["schemas"]["Epochs"] | null;
            /**
             * @description Values of parameters that the template declares, by name.
             * @default {}
             */
            parameters: components["schemas"]["ParameterValues"];
        };
        /**
         * Format: int32
         * @description Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds.
         * @default 10
         */
        StopGrace: number;
        /** @description State of the hub's process, database, disk and certificates. */
        System: {
            /**
             * Format: int64
             * @description Agents that have a session with this process.
             */
            agents_connected: number;
            /** @description Certificates of the listeners. A listener without TLS has none. */
            certificates: components["schemas"]["SystemCertificate"][];
            disk?: components["schemas"]["SystemDisk"] | null;
            /** @description Settings that limit requests and stored data. */
            limits: components["schemas"]["SystemLimits"];
            /** @description Checks behind `/readyz`: `process`, `store` and `engine`. */
            ready: components["schemas"]["SystemCheck"][];
            /** @description When the process of the hub started. */
            started_at: components["schemas"]["DateTime"];
            /** @description Database of the hub. */
            store: components["schemas"]["SystemStore"];
            /**
             * @description Version of flow-server.
             * @example 0.1.0
             */
            version: string;
        };
        /** @description Certificate of a listener, or one of its chain. */
        SystemCertificate: {
            /** @description Listener, as in `rest` or `grpc`. */
            name: string;
            /** @description End of the validity. */
            not_after: components["schemas"]["DateTime"];
            /** @description Begin of the validity. */
            not_before: components["schemas"]["DateTime"];
            /** @description Subject of the certificate. */
            subject: string;
        };
        /** @description Result of one check. */
        SystemCheck: {
            /** @description Failure, for people. Absent if the part works. */
            message?: string | null;
            /**
             * @description Checked part of the hub.
             * @example store
             */
            name: string;
            /** @description The part works. */
            ok: boolean;
        };
        /** @description Disk of the data directory. */
        SystemDisk: {
            /**
             * Format: int64
             * @description Bytes that the hub can still write.
             */
            free_bytes: number;
            /** @description Data directory of the hub. */
            path: string;
            /**
             * Format: int64
             * @description Size of the file system in bytes.
             */
            total_bytes: number;
        };
        /** @description Settings that limit requests and stored data. */
        SystemLimits: {
            /**
             * Format: int64
             * @description Days for which the hub keeps the audit of access.
             */
            audit_days: number;
            /**
             * Format: int64
             * @description Seconds without contact after which another agent may replace the agent of a party.
             */
            away_after_s: number;
            /**
             * Format: int64
             * @description Bytes of request bodies that all requests together may hold in memory.
             */
            body_bytes: number;
            /**
             * Format: int64
             * @description Days for which the hub keeps the feed of events.
             */
            events_days: number;
            /**
             * Format: int64
             * @description Requests of an account per second.
             */
            requests_per_s: number;
        };
        /** @description Database of the hub. */
        SystemStore: {
            /**
             * @description Kind of database: `sqlite`, or `mysql` for MySQL and MariaDB.
             * @example sqlite
             */
            kind: string;
            /**
             * Format: int64
             * @description Size of the data in bytes, as the database estimates it. Absent if it does not answer.
             */
            size_bytes?: number | null;
            /** @description Version that the database reports. Absent if it does not answer. */
            version?: string | null;
        };
        /**
         * Format: int32
         * @description Number of lines from the end of a log.
         */
        TailLines: number;
        /**
         * @description Task with the state of its newest run.
         * @example {
         *       "created_at": "2026-01-01T00:00:00.000000Z",
         *       "created_by": "alice",
         *       "epochs": 10,
         *       "id": "0190f3a4b1c07e00a1b2c3d4e5f60718",
         *       "labels": {
         *         "season": "spring"
         *       },
         *       "members": [
         *         {
         *           "party": "hub",
         *           "role": "aggregator"
         *         },
         *         {
         *           "dataset": "digits",
         *           "party": "hospital-a",
         *           "role": "trainer"
         *         },
         *         {
         *           "dataset": "digits",
         *           "party": "hospital-b",
         *           "role": "trainer"
         *         }
         *       ],
         *       "modified_at": "2026-01-01T00:00:00.000000Z",
         *       "name": "digits-spring",
         *       "parameters": {
         *         "learning_rate": "0.05"
         *       },
         *       "remark": "",
         *       "revision": 1,
         *       "rules": {
         *         "give_up_after_s": 900,
         *         "no_progress_s": 1800,
         *         "queue_deadline_s": 3600,
         *         "retries": 0,
         *         "start_deadline_s": 300
         *       },
         *       "run": {
         *         "created_at": "2026-01-01T00:00:00.000000Z",
         *         "id": "0190f3a4c2d17e00a1b2c3d4e5f60718",
         *         "number": 1,
         *         "phase": "reserving",
         *         "progress": {
         *           "epoch": null,
         *           "epochs": 10,
         *           "members": {}
         *         },
         *         "waiting": {
         *           "code": "reservation",
         *           "message": "hub has not reserved resources yet",
         *           "party": "hub",
         *           "since": "2026-01-01T00:00:00.000000Z",
         *           "until": "2026-01-01T00:00:30.000000Z"
         *         }
         *       },
         *       "runs": 1,
         *       "template": "0190f3a4a0b97e00a1b2c3d4e5f60718",
         *       "version": 2
         *     }
         */
        Task: {
            /** @description When the task was created. */
            created_at: components["schemas"]["DateTime"];
            /**
             * @description Name of the account that created the task. Absent if the account was deleted, and for a task
             *     from before accounts.
             */
            created_by?: string | null;
            /**
             * Format: int32
             * @description Number of training rounds.
             */
            epochs: number;
            /** @description Id of the task. */
            id: components["schemas"]["Id"];
            /** @description Names and values by which lists select the task. */
            labels?: {
                [key: string]: string;
            };
            /** @description Members of the task. */
            members: components["schemas"]["TaskMember"][];
            /** @description When the task was last edited. */
            modified_at: components["schemas"]["DateTime"];
            /** @description Name of the task, unique in the project. */
            name: string;
            /** @description Values of parameters, by name. */
            parameters: {
                [key: string]: string;
            };
            /** @description Free text for people. */
            remark: string;
            /**
             * Format: int32
             * @description Revision of the template.
             */
            revision: number;
            /** @description Deadlines, retries and number of parties of each run. */
            rules: components["schemas"]["Rules"];
            run?: components["schemas"]["RunSummary"] | null;
            /**
             * Format: int32
             * @description Number of runs.
             */
            runs: number;
            /** @description Id of the template. */
            template: components["schemas"]["Id"];
            /**
             * Format: int64
             * @description Number of the last change of the task or its runs; the same as the `ETag`.
             */
            version: number;
            /**
             * @description Sentences for people about members that their parties would refuse, because they offer no such
             *     image or dataset. Only in the response to the creation or an edit.
             */
            warnings?: string[];
        };
        /** @description A task that is valid, and the answers of its parties. Nothing was created or reserved. */
        TaskCheck: {
            /** @description Answers of the parties, in the order of the members. */
            members: components["schemas"]["MemberCheck"][];
            /** @description Name of the task. */
            name: string;
        };
        /** @description Content of a task that refers to its template by id or name. */
        TaskDocument: {
            /** @description Number of training rounds. */
            epochs?: components["schemas"]["Epochs"];
            /** @description Names and values by which lists select the task. */
            labels?: components["schemas"]["Labels"];
            /** @description Members of the task, at most one per party. */
            members: components["schemas"]["TaskMembers"];
            /** @description Name of the task, unique in the project. */
            name: components["schemas"]["Name"];
            /** @description Values of parameters that the template declares, by name. */
            parameters?: components["schemas"]["ParameterValues"];
            /** @description Free text for people. */
            remark?: components["schemas"]["Remark"];
            revision?: components["schemas"]["RevisionNumber"] | null;
            /** @description Deadlines, retries and number of parties of each run. */
            rules?: components["schemas"]["RulesInput"];
            /** @description Id or name of the template, which the same request may contain. */
            template: components["schemas"]["TemplateReference"];
        };
        /**
         * @description Name of a field of a task.
         * @enum {string}
         */
        TaskField: "id" | "name" | "remark" | "template" | "revision" | "epochs" | "parameters" | "members" | "rules" | "labels" | "created_by" | "created_at" | "modified_at" | "version" | "runs" | "run";
        /** @description Fields of a task, separated by commas. */
        TaskFields: components["schemas"]["TaskField"][];
        /**
         * @description Request to create a task or to replace its content.
         * @example {
         *       "epochs": 10,
         *       "labels": {
         *         "season": "spring"
         *       },
         *       "members": [
         *         {
         *           "party": "hub",
         *           "role": "aggregator"
         *         },
         *         {
         *           "dataset": "digits",
         *           "party": "hospital-a",
         *           "role": "trainer"
         *         },
         *         {
         *           "dataset": "digits",
         *           "party": "hospital-b",
         *           "role": "trainer"
         *         }
         *       ],
         *       "name": "digits-spring",
         *       "parameters": {
         *         "learning_rate": "0.05"
         *       },
         *       "remark": "",
         *       "revision": 1,
         *       "rules": {
         *         "give_up_after_s": 900,
         *         "no_progress_s": 1800,
         *         "queue_deadline_s": 3600,
         *         "retries": 0,
         *         "start_deadline_s": 300
         *       },
         *       "template": "0190f3a4a0b97e00a1b2c3d4e5f60718"
         *     }
         */
        TaskInput: {
            /** @description Number of training rounds. */
            epochs: components["schemas"]["Epochs"];
            /** @description Names and values by which lists select the task. */
            labels?: components["schemas"]["Labels"];
            /** @description Members of the task, at most one per party. */
            members: components["schemas"]["TaskMembers"];
            /** @description Name of the task, unique in the project. */
            name: components["schemas"]["Name"];
            /** @description Values of parameters that the template declares, by name. */
            parameters?: components["schemas"]["ParameterValues"];
            /** @description Free text for people. */
            remark?: components["schemas"]["Remark"];
            revision?: components["schemas"]["RevisionNumber"] | null;
            /** @description Deadlines, retries and number of parties of each run. */
            rules?: components["schemas"]["RulesInput"];
            /** @description Id of the template. */
            template: components["schemas"]["Id"];
        };
        /** @description One party's part in a task. */
        TaskMember: {
            dataset?: components["schemas"]["DatasetName"] | null;
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Role of the party in the task. */
            role: components["schemas"]["Role"];
        };
        /** @description One party's part in a task, in a request. */
        TaskMemberInput: {
            dataset?: components["schemas"]["DatasetName"] | null;
            /** @description Name of the party. */
            party: components["schemas"]["PartyName"];
            /** @description Role of the party in the task. */
            role: components["schemas"]["Role"];
        };
        /** @description Members of a task, at most one per party. */
        TaskMembers: components["schemas"]["TaskMemberInput"][];
        /** @description Id or name of a task. A text of 32 lower-case hexadecimal digits is an id, any other text is a name. */
        TaskReference: string;
        /** @description Conditions for tasks; a task must match all of them. */
        TaskSelector: {
            /** @default null */
            created_before: components["schemas"]["DateTime"] | null;
            /** @default null */
            created_since: components["schemas"]["DateTime"] | null;
            /**
             * @description Labels of the task.
             * @default {}
             */
            labels: components["schemas"]["Labels"];
            /** @default null */
            name: components["schemas"]["NamePrefix"] | null;
            /** @default null */
            party: components["schemas"]["PartyName"] | null;
            /**
             * @description Phases of the newest run, of which one must match; `new` matches tasks without a run.
             * @default []
             */
            phase: components["schemas"]["PhaseFilter"][];
            /** @default null */
            template: components["schemas"]["TemplateReference"] | null;
        };
        /**
         * @description Order of a list of tasks.
         * @enum {string}
         */
        TaskSort: "name" | "created" | "modified";
        /**
         * @description Template with its newest revision.
         * @example {
         *       "aggregator_command": [],
         *       "command": [
         *         "python",
         *         "-u",
         *         "client.py"
         *       ],
         *       "created_at": "2026-01-01T00:00:00.000000Z",
         *       "env": {},
         *       "framework": "iflearner",
         *       "id": "0190f3a4a0b97e00a1b2c3d4e5f60718",
         *       "image": "iflearner-digits:1",
         *       "max_runtime_s": 86400,
         *       "modified_at": "2026-01-01T00:00:00.000000Z",
         *       "name": "digits",
         *       "parameters": {
         *         "learning_rate": {
         *           "default": "0.1",
         *           "description": "learning rate",
         *           "maximum": "1",
         *           "minimum": "0",
         *           "type": "number"
         *         }
         *       },
         *       "remark": "Handwritten digits with a numpy model",
         *       "requires_aggregator": true,
         *       "requires_dataset": [],
         *       "resources": {
         *         "cpu_millis": 0,
         *         "memory_mib": 0
         *       },
         *       "revision": 1,
         *       "stop_grace_s": 10,
         *       "workdir": ""
         *     }
         */
        Template: components["schemas"]["TemplateContent"] & {
            /** @description When the template was created. */
            created_at: components["schemas"]["DateTime"];
            /** @description Id of the template. */
            id: components["schemas"]["Id"];
            /** @description When the newest revision was created. */
            modified_at: components["schemas"]["DateTime"];
            /**
             * Format: int32
             * @description Number of the newest revision; the same as the `ETag`.
             */
            revision: number;
            /**
             * @description Sentence for people about an image that no party maps. Only in the response to the creation or
             *     an edit.
             */
            warnings?: string[];
        };
        /** @description Content of one revision of a template. */
        TemplateContent: {
            /** @description Program and arguments of the aggregator. Empty selects the framework's own. */
            aggregator_command: string[];
            /** @description Program and arguments of the trainer. The framework adds its own arguments. */
            command: string[];
            /** @description Environment variables that the workload gets besides those of the platform. */
            env: {
                [key: string]: string;
            };
            /** @description Framework: how the workload gets its arguments and how its success is recognised. */
            framework: components["schemas"]["Framework"];
            /** @description Image name. Each party resolves it with its image map. */
            image: string;
            /**
             * Format: int64
             * @description Longest runtime of a workload, in seconds.
             */
            max_runtime_s: number;
            /** @description Name of the template, unique in the project. */
            name: string;
            /** @description Parameters that a task may set, by name. */
            parameters: {
                [key: string]: components["schemas"]["ParamSchema"];
            };
            /** @description Free text for people. */
            remark: string;
            /** @description A task of this template must have a member with the role aggregator. */
            requires_aggregator?: boolean;
            /** @description Roles whose members must name a dataset. */
            requires_dataset?: components["schemas"]["Role"][];
            /** @description Resources that each member requests. */
            resources: components["schemas"]["Resources"];
            /**
             * Format: int64
             * @description Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds.
             */
            stop_grace_s: number;
            /** @description Working directory inside the image. Empty selects the run directory of the member. */
            workdir: string;
        };
        /**
         * @description Request to create a template or a new revision of it.
         * @example {
         *       "aggregator_command": [],
         *       "command": [
         *         "python",
         *         "-u",
         *         "client.py"
         *       ],
         *       "env": {},
         *       "framework": "iflearner",
         *       "image": "iflearner-digits:1",
         *       "max_runtime_s": 86400,
         *       "name": "digits",
         *       "parameters": {
         *         "learning_rate": {
         *           "default": "0.1",
         *           "description": "learning rate",
         *           "maximum": "1",
         *           "minimum": "0",
         *           "type": "number"
         *         }
         *       },
         *       "remark": "Handwritten digits with a numpy model",
         *       "requires_aggregator": true,
         *       "requires_dataset": [],
         *       "resources": {
         *         "cpu_millis": 0,
         *         "memory_mib": 0
         *       },
         *       "stop_grace_s": 10,
         *       "workdir": ""
         *     }
         */
        TemplateInput: {
            /** @description Program and arguments of the aggregator. Empty selects the framework's own. */
            aggregator_command?: components["schemas"]["OptionalCommand"];
            /** @description Program and arguments of the trainer. The framework adds its own arguments. */
            command: components["schemas"]["Command"];
            /** @description Environment variables that the workload gets besides those of the platform. */
            env?: components["schemas"]["Environment"];
            /** @description Framework: how the workload gets its arguments and how its success is recognised. */
            framework: components["schemas"]["Framework"];
            /** @description Image name. Each party resolves it with its image map. */
            image: components["schemas"]["Image"];
            /**
             * @description Longest runtime of a workload, in seconds. Time in which its machine is suspended does not
             *     count.
             */
            max_runtime_s?: components["schemas"]["MaxRuntime"];
            /** @description Name of the template, unique in the project. */
            name: components["schemas"]["Name"];
            /** @description Parameters that a task may set, by name. */
            parameters?: components["schemas"]["ParameterSchemas"];
            /** @description Free text for people. */
            remark?: components["schemas"]["Remark"];
            /** @description A task of this template must have a member with the role aggregator. */
            requires_aggregator?: boolean;
            /** @description Roles whose members must name a dataset. */
            requires_dataset?: components["schemas"]["Role"][];
            /** @description Resources that each member requests. */
            resources?: components["schemas"]["ResourcesInput"];
            /** @description Grace period between SIGTERM and SIGKILL when a workload is stopped, in seconds. */
            stop_grace_s?: components["schemas"]["StopGrace"];
            /** @description Working directory inside the image. Empty selects the run directory of the member. */
            workdir?: components["schemas"]["Workdir"];
        };
        /** @description Id or name of a template. A text of 32 lower-case hexadecimal digits is an id, any other text is a name. */
        TemplateReference: string;
        /** @description API token, without its text. */
        Token: {
            /** @description When the token was created. */
            created_at: components["schemas"]["DateTime"];
            expires_at?: components["schemas"]["DateTime"] | null;
            /** @description First and last characters of the token, for people. */
            hint: string;
            /** @description Id of the token. */
            id: components["schemas"]["Id"];
            last_used_at?: components["schemas"]["DateTime"] | null;
            /** @description Purpose of the token, for people. */
            name: string;
            project?: components["schemas"]["ProjectName"] | null;
            role?: components["schemas"]["ProjectRole"] | null;
            /** @description Uses of the token. */
            scope: components["schemas"]["TokenScope"];
            /** @description Account of the token. */
            user: components["schemas"]["UserName"];
        };
        /** @description New API token with its text. */
        TokenCreated: {
            /** @description Text of the token. The hub stores only its hash and cannot show it again. */
            secret: string;
            /** @description The token. */
            token: components["schemas"]["Token"];
        };
        /**
         * Format: int32
         * @description Days until a token expires; 0: never.
         * @default 90
         */
        TokenDays: number;
        /** @description Purpose of an API token. */
        TokenName: string;
        /**
         * @description Uses of an API token: the API, or only the metrics page.
         * @enum {string}
         */
        TokenScope: "api" | "metrics";
        /** @description Account of a person or a program. */
        User: {
            /** @description When the account was created. */
            created_at: components["schemas"]["DateTime"];
            disabled_at?: components["schemas"]["DateTime"] | null;
            /**
             * @description The account administers the federation: accounts, projects, parties; and it has the role
             *     `admin` in every project.
             */
            federation_admin: boolean;
            /** @description The account can sign in with a password. */
            has_password: boolean;
            /** @description Id of the account. */
            id: components["schemas"]["Id"];
            /** @description Kind of the account. */
            kind: components["schemas"]["UserKind"];
            /** @description Name of the account. */
            name: components["schemas"]["UserName"];
        };
        /**
         * @description Code that a device shows. Small letters and a missing hyphen are accepted.
         * @example WDJB-MJHT
         */
        UserCode: string;
        /**
         * @description Request to change an account. An absent field does not change.
         * @example {
         *       "disabled": true
         *     }
         */
        UserEdit: {
            /** @description Disable the account, which also ends its sessions, or enable it. */
            disabled?: boolean | null;
            /** @description Let the account administer the federation, or no longer. */
            federation_admin?: boolean | null;
        };
        /**
         * @description Kind of an account.
         * @enum {string}
         */
        UserKind: "person" | "service";
        /**
         * @description Name of an account: 1 to 63 of a-z, 0-9, '.', '_', '@' and '-', starting with a letter or digit.
         * @example alice
         */
        UserName: string;
        /**
         * @description Cause for which a run is not running yet.
         * @enum {string}
         */
        WaitCode: "backoff" | "party_away" | "party_disabled" | "approval" | "admission" | "reservation" | "previous_run_stopping" | "starting" | "stopping";
        /** @description Cause for which a run is not running yet. */
        Waiting: {
            /** @description Kind of cause, for programs. */
            code: components["schemas"]["WaitCode"];
            /** @description Description for people: the party and the cause. */
            message: string;
            party?: components["schemas"]["PartyName"] | null;
            /** @description When the wait began. */
            since: components["schemas"]["DateTime"];
            until?: components["schemas"]["DateTime"] | null;
        };
        /** @description Webhook of a project, without its secret. */
        Webhook: {
            /** @description When the webhook was created. */
            created_at: components["schemas"]["DateTime"];
            /**
             * @description Cause for which the hub has disabled the webhook. Absent if a person did, and if it is
             *     enabled.
             */
            disabled_reason?: string | null;
            /** @description The hub sends events. */
            enabled: boolean;
            events?: components["schemas"]["EventKinds"] | null;
            failing_since?: components["schemas"]["DateTime"] | null;
            former_secret_until?: components["schemas"]["DateTime"] | null;
            /** @description Id of the webhook. */
            id: components["schemas"]["Id"];
            /** @description Labels of the tasks whose events the hub sends. */
            labels?: {
                [key: string]: string;
            };
            /** @description When the webhook was changed. */
            modified_at: components["schemas"]["DateTime"];
            /** @description Name of the webhook. */
            name: string;
            /** @description Address of the receiver. */
            url: string;
        };
        /** @description New webhook with its secret. */
        WebhookCreated: {
            /**
             * @description Secret with which the hub signs, in the form of the Standard Webhooks specification. The hub
             *     does not show it again.
             */
            secret: string;
            /** @description The webhook. */
            webhook: components["schemas"]["Webhook"];
        };
        /**
         * @description Content of a webhook.
         * @example {
         *       "enabled": true,
         *       "events": [
         *         "run.succeeded",
         *         "run.failed"
         *       ],
         *       "name": "chat",
         *       "url": "https://hooks.example/flow"
         *     }
         */
        WebhookInput: {
            /**
             * @description Send events. A disabled webhook skips the events that happen meanwhile, and its waiting
             *     deliveries fail.
             * @default true
             */
            enabled: boolean;
            events?: components["schemas"]["EventKinds"] | null;
            /** @description Send only events of tasks with these labels, all of them. */
            labels?: components["schemas"]["Labels"];
            /** @description Name, unique among the webhooks of the project. */
            name: components["schemas"]["Name"];
            /** @description Address of the receiver, `https://`, without user name, password and fragment. */
            url: components["schemas"]["WebhookUrl"];
        };
        /** @description Id or name of a webhook. A text of 32 lower-case hexadecimal digits is an id, any other text is a name. */
        WebhookReference: string;
        /** @description New secret of a webhook. */
        WebhookSecret: {
            former_until?: components["schemas"]["DateTime"] | null;
            /** @description Name of the webhook. */
            name: string;
            /** @description Secret with which the hub signs. The hub does not show it again. */
            secret: string;
        };
        /**
         * @description Address of the receiver of a webhook.
         * @example https://hooks.example/flow
         */
        WebhookUrl: string;
        /**
         * @description Path without `..`. Empty selects the run directory of the member.
         * @default
         */
        Workdir: string;
    };
    responses: never;
    parameters: {
        /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
        project: components["schemas"]["ProjectName"];
    };
    requestBodies: never;
    headers: {
        /** @description Id of the request in the log of the hub */
        RequestId: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    start_page: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page, as HTML */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description The page has not changed */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_access_token_keys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The public keys */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JsonWebKeySet"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_access_token: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The access token */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccessToken"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    apply: {
        parameters: {
            query?: {
                /**
                 * @description Only check the request and ask the parties of its tasks what they would do: nothing changes,
                 *     and the response has `checks` instead of templates and tasks.
                 */
                dry_run?: boolean;
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description 1 to 255 visible ASCII characters, new for each different request. For a week the hub
                 *     executes requests with the same key once and returns the same result.
                 */
                "Idempotency-Key"?: components["schemas"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplyRequest"];
            };
        };
        responses: {
            /** @description The templates and tasks */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Applied"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_active`: the task has a run that has not ended; `quota_exceeded`: the project or the account has as many objects as it may have */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted; `idempotency_key_reused`: another request used the same idempotency key; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_audit: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of entries */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_AuditEntry"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_tasks: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkRequest"];
            };
        };
        responses: {
            /** @description The result for each task */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkResult"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_tasks: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BulkRequest"];
            };
        };
        responses: {
            /** @description The result for each task */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BulkResult"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    check_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TaskInput"];
            };
        };
        responses: {
            /** @description The answers of the parties */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TaskCheck"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `revision_not_found`: the template has no revision with this number; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_taken`: a task with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_empty`: the task has no name; `invalid`: the request has fields with values that are not accepted; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_device_sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeviceStart"];
            };
        };
        responses: {
            /** @description The codes */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceStarted"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_device_sign_in: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Code that the device shows. */
                user_code: components["schemas"]["UserCode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The device */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeviceRequest"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_code_not_found`: no device waits with this code; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    approve_device_sign_in: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Code that the device shows. */
                user_code: components["schemas"]["UserCode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The device gets its token at its next poll */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_code_not_found`: no device waits with this code; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deny_device_sign_in: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Code that the device shows. */
                user_code: components["schemas"]["UserCode"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The device gets no token */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_code_not_found`: no device waits with this code; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    poll_device_sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DevicePoll"];
            };
        };
        responses: {
            /** @description The API token of the device */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenCreated"];
                };
            };
            /** @description `authorization_pending`: the device is not approved yet; `slow_down`: the device asks too often; `expired_token`: the code of the device has expired; `access_denied`: the sign-in of the device was denied; `invalid_grant`: the code of the device is unknown or was used; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `quota_exceeded`: the project or the account has as many objects as it may have */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_all_events: {
        parameters: {
            query?: {
                /**
                 * @description Return events with a greater number. Without it, a page begins with the oldest event, and a
                 *     stream has new events only.
                 */
                after?: components["schemas"]["EventNumber"];
                /** @description Largest number of events of a page. A stream has no limit. */
                limit?: components["schemas"]["PageLimit"];
                /**
                 * @description Add events `party` to a stream: openings and ends of the sessions of parties that the caller
                 *     may see.
                 */
                parties?: boolean;
                /**
                 * @description Add events `progress` to a stream: new progress of members of runs, at most one each second
                 *     for each member.
                 */
                progress?: boolean;
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description Number of the last received event. The stream resumes after it. Takes precedence over
                 *     `after`.
                 */
                "Last-Event-ID"?: components["schemas"]["EventNumber"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of events, or a stream of events */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_FeedEvent"];
                    "text/event-stream": components["schemas"]["FeedStream"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `events_expired`: the feed no longer has the events after this number */
            410: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_info: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Version, features and limits */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HubInfo"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_me: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_oidc_providers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The providers with which people can sign in */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OidcProviderList"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    end_oidc_sign_in: {
        parameters: {
            query?: {
                /** @description Authorization code of the provider. */
                code?: string;
                /** @description Error of the provider. */
                error?: string;
                /** @description Text of the error. */
                error_description?: string;
                /** @description Issuer of the answer (RFC 9207). */
                iss?: string;
                /** @description Value that the hub sent with the browser. */
                state?: string;
            };
            header?: never;
            path: {
                /** @description Name of the provider at this hub. */
                provider: components["schemas"]["ProviderName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The person is signed in */
            303: {
                headers: {
                    /** @description Path of this hub */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `sign_in_failed`: the sign-in with the identity provider is not accepted */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `provider_not_found`: no identity provider has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `provider_unavailable`: the identity provider or the issuer of the token cannot be reached at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    link_identity: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the provider at this hub. */
                provider: components["schemas"]["ProviderName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IdentityInput"];
            };
        };
        responses: {
            /** @description The person is linked */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `provider_not_found`: no identity provider has this name; `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `identity_linked`: the person at the identity provider has an account */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_oidc_sign_in: {
        parameters: {
            query?: {
                /** @description Path of this hub at which the sign-in ends. */
                return_to?: string;
            };
            header?: never;
            path: {
                /** @description Name of the provider at this hub. */
                provider: components["schemas"]["ProviderName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description To the provider */
            303: {
                headers: {
                    /** @description Address at the provider */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `sign_in_failed`: the sign-in with the identity provider is not accepted */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `provider_not_found`: no identity provider has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `provider_unavailable`: the identity provider or the issuer of the token cannot be reached at this time; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_orphans: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Return only orphans of this party. */
                party?: components["schemas"]["PartyName"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of orphans */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Orphan"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    keep_orphan: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Id of the orphan, from the list. */
                orphan: components["schemas"]["OrphanId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The orphan */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Orphan"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `orphan_not_found`: no orphan has this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_orphan: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Id of the orphan, from the list. */
                orphan: components["schemas"]["OrphanId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The orphan, which is stopping */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Orphan"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `orphan_not_found`: no orphan has this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_overview: {
        parameters: {
            query?: {
                /** @description Hours of the period. */
                hours?: components["schemas"]["OverviewHours"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_parties: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of parties, without inventories */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Party"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_party: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewParty"];
            };
        };
        responses: {
            /** @description The party and its secret */
            201: {
                headers: {
                    /** @description Path of the party */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PartyCreated"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_exists`: a party with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_party: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The party */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Party"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_party: {
        parameters: {
            query?: {
                /**
                 * @description Remove the party even if its agent has not confirmed that all members of ended runs have
                 *     ended. For an agent that will never connect again.
                 */
                force?: boolean;
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The party was removed */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_active`: the party is still a member of tasks or runs */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_party_contacts: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The contact changes */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ContactList"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disable_party: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The disabled party */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Party"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enable_party: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The enabled party */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Party"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotate_party_secret: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretRotation"];
            };
        };
        responses: {
            /** @description The new secret */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PartySecret"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_projects: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of projects */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Project"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_project: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewProject"];
            };
        };
        responses: {
            /** @description The project */
            201: {
                headers: {
                    /** @description Path of the project */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_exists`: a project with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_project: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The project */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit_project: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProjectEdit"];
            };
        };
        responses: {
            /** @description The project after the change */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Project"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_project: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The project is deleted */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_empty`: the project has tasks, or members of its runs have not ended; `project_protected`: the project `default` cannot be deleted */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_project_members: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
            };
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of members */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Membership"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_project_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
                /** @description Name of the account. */
                user: components["schemas"]["UserName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MembershipInput"];
            };
        };
        responses: {
            /** @description The member */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_project_member: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
                /** @description Name of the account. */
                user: components["schemas"]["UserName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account has no role in the project */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `user_not_found`: no account has this name; `project_member_not_found`: the account has no role in the project; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_project_parties: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
            };
            header?: never;
            path: {
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of parties */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_OfferedParty"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    offer_party: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OfferInput"];
            };
        };
        responses: {
            /** @description The offer */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OfferedParty"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    withdraw_party: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /** @description Name of the project. */
                project: components["schemas"]["ProjectName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The party is not offered by name */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name; `offer_not_found`: the party is not offered to the project by name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_all_runs: {
        parameters: {
            query?: {
                /** @description Return only runs that were created before this time. */
                created_before?: components["schemas"]["DateTime"];
                /** @description Return only runs that were created at this time or later. */
                created_since?: components["schemas"]["DateTime"];
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /**
                 * @description Return only these fields of each run, separated by commas, and the `id`. The response has
                 *     another media type then.
                 * @example [
                 *       "number",
                 *       "phase"
                 *     ]
                 */
                fields?: components["schemas"]["RunFields"];
                /** @description Return only runs whose id begins with this text. */
                id?: components["schemas"]["IdPrefix"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Return only runs with a member of this party. */
                party?: components["schemas"]["PartyName"];
                /**
                 * @description Return only runs in one of these phases, separated by commas.
                 * @example [
                 *       "running"
                 *     ]
                 */
                phase?: components["schemas"]["RunPhaseFilters"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
                /** @description Return only runs of this task, given by id or name. */
                task?: components["schemas"]["TaskReference"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of runs */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ListedRun"];
                    "application/vnd.flow.selection+json": components["schemas"]["Page_Selection"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    compare_runs: {
        parameters: {
            query: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
                /** @description The runs: the parameter is repeated. */
                run: components["schemas"]["ComparedRuns"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The runs side by side */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunComparison"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["SessionLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of sessions */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionList"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description The session */
            201: {
                headers: {
                    /** @description Cookie of the session */
                    "Set-Cookie"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_session: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Id of the session. */
                session: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session has ended */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `session_not_found`: no session has this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    setup: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SetupInput"];
            };
        };
        responses: {
            /** @description The account and its API token */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SetupDone"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `setup_done`: the hub has an account already */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_sign_in_code: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The code */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignInCode"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_system: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The state */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["System"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tasks: {
        parameters: {
            query?: {
                /** @description Return only tasks that were created before this time. */
                created_before?: components["schemas"]["DateTime"];
                /** @description Return only tasks that were created at this time or later. */
                created_since?: components["schemas"]["DateTime"];
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Direction of the order: names ascend by default, times descend. */
                direction?: components["schemas"]["Direction"];
                /**
                 * @description Return only these fields of each task, separated by commas, and the `id`. The response has
                 *     another media type then.
                 * @example [
                 *       "name",
                 *       "run"
                 *     ]
                 */
                fields?: components["schemas"]["TaskFields"];
                /**
                 * @description Return only tasks with this label, as `name=value`. The parameter is repeated for several
                 *     labels, all of which a task must have.
                 * @example [
                 *       "season=spring"
                 *     ]
                 */
                label?: components["schemas"]["LabelFilters"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /**
                 * @description Return only tasks whose name begins with this text, sorted by name unless `sort` is given.
                 *     Without it the newest task is first.
                 */
                name?: components["schemas"]["NamePrefix"];
                /** @description Return only tasks with this party as a member. */
                party?: components["schemas"]["PartyName"];
                /**
                 * @description Return only tasks whose newest run is in one of these phases, separated by commas. `new`
                 *     selects tasks without a run.
                 * @example [
                 *       "queued",
                 *       "running"
                 *     ]
                 */
                phase?: components["schemas"]["PhaseFilters"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
                /** @description Order of the tasks. */
                sort?: components["schemas"]["TaskSort"];
                /** @description Return only tasks of this template, given by id or name. */
                template?: components["schemas"]["TemplateReference"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of tasks */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Task"];
                    "application/vnd.flow.selection+json": components["schemas"]["Page_Selection"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description 1 to 255 visible ASCII characters, new for each different request. For a week the hub
                 *     executes requests with the same key once and returns the same result.
                 */
                "Idempotency-Key"?: components["schemas"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TaskInput"];
            };
        };
        responses: {
            /** @description The task */
            201: {
                headers: {
                    /** @description Version of the task */
                    ETag?: string;
                    /** @description Path of the task */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `revision_not_found`: the template has no revision with this number; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_taken`: a task with this name exists; `quota_exceeded`: the project or the account has as many objects as it may have */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_empty`: the task has no name; `invalid`: the request has fields with values that are not accepted; `idempotency_key_reused`: another request used the same idempotency key; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task */
            200: {
                headers: {
                    /** @description Version of the task */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the version that the client has read. Absent or `*` accepts any version.
                 * @example "7"
                 */
                "If-Match"?: components["schemas"]["IfMatch"];
            };
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TaskInput"];
            };
        };
        responses: {
            /** @description The task after the edit */
            200: {
                headers: {
                    /** @description Version of the task */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `template_not_found`: no template has this id or name; `revision_not_found`: the template has no revision with this number; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_taken`: a task with this name exists; `task_active`: the task has a run that has not ended */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition_failed`: the resource has changed since the client read it */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_empty`: the task has no name; `invalid`: the request has fields with values that are not accepted; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the version that the client has read. Absent or `*` accepts any version.
                 * @example "7"
                 */
                "If-Match"?: components["schemas"]["IfMatch"];
            };
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task was deleted */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition_failed`: the resource has changed since the client read it */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    clone_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description 1 to 255 visible ASCII characters, new for each different request. For a week the hub
                 *     executes requests with the same key once and returns the same result.
                 */
                "Idempotency-Key"?: components["schemas"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloneInput"];
            };
        };
        responses: {
            /** @description The new task */
            201: {
                headers: {
                    /** @description Version of the task */
                    ETag?: string;
                    /** @description Path of the task */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `template_not_found`: no template has this id or name; `revision_not_found`: the template has no revision with this number; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `quota_exceeded`: the project or the account has as many objects as it may have; `task_name_taken`: a task with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_name_empty`: the task has no name; `invalid`: the request has fields with values that are not accepted; `idempotency_key_reused`: another request used the same idempotency key; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_events: {
        parameters: {
            query?: {
                /** @description Return events with a greater number. 0 returns all. */
                after?: components["schemas"]["EventNumber"];
                /** @description Largest number of events of a page. A stream has no limit. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description Number of the last received event. The stream resumes after it. Takes precedence over
                 *     `after`.
                 */
                "Last-Event-ID"?: components["schemas"]["EventNumber"];
            };
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of events, or a stream of events */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Event"];
                    "text/event-stream": components["schemas"]["EventStream"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_runs: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of runs */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Run"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_run: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The member */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `member_not_found`: the party is not a member of this task or run; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member_log: {
        parameters: {
            query?: {
                /** @description Continue with new lines until the member ends. */
                follow?: boolean;
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
                /**
                 * @description Return only the last lines. Without it the log starts with the oldest line that the party
                 *     keeps.
                 */
                tail?: components["schemas"]["TailLines"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log, unchanged */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `log_refused`: the party does not disclose this log; `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `member_not_found`: the party is not a member of this task or run; `log_not_found`: the party has no log of this member; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `log_unavailable`: the party cannot send the log at this time; `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_member_outputs: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The outputs, ordered by path */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OutputList"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `output_refused`: the party does not release these outputs; `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `member_not_found`: the party is not a member of this task or run; `output_not_found`: the party has no output with this path; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `agent_outdated`: the agent of the party is too old for this request */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `output_unavailable`: the party cannot send the output at this time; `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member_output: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the file to which the range belongs. If the file has changed, the hub sends the
                 *     whole file.
                 */
                "If-Range"?: components["schemas"]["IfMatch"];
                /** @description `bytes=N-` continues at byte N. The hub ignores other ranges and sends the whole file. */
                Range?: components["schemas"]["ByteRange"];
            };
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /** @description Path of the output as in the list. A `/` in it is sent as `%2F`. */
                path: components["schemas"]["OutputPath"];
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    /** @description `bytes` */
                    "Accept-Ranges"?: string;
                    /** @description SHA-256 of the file */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": components["schemas"]["Bytes"];
                };
            };
            /** @description The file from the requested byte on */
            206: {
                headers: {
                    /** @description Bytes of the response and size of the file */
                    "Content-Range"?: string;
                    /** @description SHA-256 of the file */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": components["schemas"]["Bytes"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `output_refused`: the party does not release these outputs; `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `member_not_found`: the party is not a member of this task or run; `output_not_found`: the party has no output with this path; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `agent_outdated`: the agent of the party is too old for this request */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `range_not_satisfiable`: the output ends before the requested range */
            416: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `output_unavailable`: the party cannot send the output at this time; `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_member_series: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the party. */
                party: components["schemas"]["PartyName"];
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All series of the member */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeriesList"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `member_not_found`: the party is not a member of this task or run; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    export_series: {
        parameters: {
            query?: {
                /** @description Format of the response. */
                format?: components["schemas"]["ExportFormat"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or number of the run, or `latest`.
                 * @example 0190f3a4c2d17e00a1b2c3d4e5f60718
                 */
                run: components["schemas"]["RunReference"];
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All series of the run */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RunSeries"];
                    "text/csv": string;
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `run_not_found`: the task has no run with this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    start_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description 1 to 255 visible ASCII characters, new for each different request. For a week the hub
                 *     executes requests with the same key once and returns the same result.
                 */
                "Idempotency-Key"?: components["schemas"]["IdempotencyKey"];
            };
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["StartInput"] | null;
            };
        };
        responses: {
            /** @description The run */
            202: {
                headers: {
                    /** @description Path of the run */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Run"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `party_not_found`: no party has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_active`: the task has a run that has not ended; `quota_exceeded`: the project or the account has as many objects as it may have */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency_key_reused`: another request used the same idempotency key; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    stop_task: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the task.
                 * @example 0190f3a4b1c07e00a1b2c3d4e5f60718
                 */
                task: components["schemas"]["TaskReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The task, whose run is stopping */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Task"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_found`: no task has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `task_not_active`: the task has no active run */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_templates: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Return only templates whose name begins with this text. */
                name?: components["schemas"]["NamePrefix"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of templates */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Template"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_template: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description 1 to 255 visible ASCII characters, new for each different request. For a week the hub
                 *     executes requests with the same key once and returns the same result.
                 */
                "Idempotency-Key"?: components["schemas"]["IdempotencyKey"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TemplateInput"];
            };
        };
        responses: {
            /** @description The template */
            201: {
                headers: {
                    /** @description Number of the newest revision */
                    ETag?: string;
                    /** @description Path of the template */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Template"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_name_taken`: a template with this name exists; `quota_exceeded`: the project or the account has as many objects as it may have */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted; `idempotency_key_reused`: another request used the same idempotency key; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_template: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the template.
                 * @example 0190f3a4a0b97e00a1b2c3d4e5f60718
                 */
                template: components["schemas"]["TemplateReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The template */
            200: {
                headers: {
                    /** @description Number of the newest revision */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Template"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit_template: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the version that the client has read. Absent or `*` accepts any version.
                 * @example "7"
                 */
                "If-Match"?: components["schemas"]["IfMatch"];
            };
            path: {
                /**
                 * @description Id or name of the template.
                 * @example 0190f3a4a0b97e00a1b2c3d4e5f60718
                 */
                template: components["schemas"]["TemplateReference"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TemplateInput"];
            };
        };
        responses: {
            /** @description The template after the edit */
            200: {
                headers: {
                    /** @description Number of the newest revision */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Template"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_name_taken`: a template with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition_failed`: the resource has changed since the client read it */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_template: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the version that the client has read. Absent or `*` accepts any version.
                 * @example "7"
                 */
                "If-Match"?: components["schemas"]["IfMatch"];
            };
            path: {
                /**
                 * @description Id or name of the template.
                 * @example 0190f3a4a0b97e00a1b2c3d4e5f60718
                 */
                template: components["schemas"]["TemplateReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The template was deleted */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_in_use`: tasks use the template */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition_failed`: the resource has changed since the client read it */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_revisions: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the template.
                 * @example 0190f3a4a0b97e00a1b2c3d4e5f60718
                 */
                template: components["schemas"]["TemplateReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of revisions */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Revision"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_revision: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Number of the revision. */
                revision: components["schemas"]["RevisionNumber"];
                /**
                 * @description Id or name of the template.
                 * @example 0190f3a4a0b97e00a1b2c3d4e5f60718
                 */
                template: components["schemas"]["TemplateReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The revision */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Revision"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `template_not_found`: no template has this id or name; `revision_not_found`: the template has no revision with this number; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tokens: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
                /**
                 * @description Return the tokens of this account. Absent: of the caller. Only a federation administrator may
                 *     name another account.
                 */
                user?: components["schemas"]["UserName"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of tokens */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Token"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_token: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            /** @description The token */
            201: {
                headers: {
                    /** @description Path of the token */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenCreated"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_member_not_found`: the account has no role in the project; `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `quota_exceeded`: the project or the account has as many objects as it may have */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_token: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Id of the token. */
                token: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The token */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Token"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token_not_found`: no API token has this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_token: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Id of the token. */
                token: components["schemas"]["Id"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The token was deleted */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token_not_found`: no API token has this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_users: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of accounts */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_User"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_user: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description The account */
            201: {
                headers: {
                    /** @description Path of the account */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_exists`: an account with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_user: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the account. */
                user: components["schemas"]["UserName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit_user: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the account. */
                user: components["schemas"]["UserName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserEdit"];
            };
        };
        responses: {
            /** @description The account after the change */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `last_admin`: the account is the last administrator of the federation */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_user: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the account. */
                user: components["schemas"]["UserName"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The account was deleted */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `last_admin`: the account is the last administrator of the federation */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_password: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Name of the account. */
                user: components["schemas"]["UserName"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPassword"];
            };
        };
        responses: {
            /** @description The password was set */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user_not_found`: no account has this name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_version: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The version */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HubVersion"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_webhooks: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of webhooks */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Webhook"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_webhook: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookInput"];
            };
        };
        responses: {
            /** @description The webhook */
            201: {
                headers: {
                    /** @description Version of the webhook */
                    ETag?: string;
                    /** @description Path of the webhook */
                    Location?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookCreated"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_name_taken`: a webhook with this name exists; `webhook_limit`: the project has the largest number of webhooks */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_webhook: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook */
            200: {
                headers: {
                    /** @description Version of the webhook */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    edit_webhook: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the version that the client has read. Absent or `*` accepts any version.
                 * @example "7"
                 */
                "If-Match"?: components["schemas"]["IfMatch"];
            };
            path: {
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookInput"];
            };
        };
        responses: {
            /** @description The webhook after the edit */
            200: {
                headers: {
                    /** @description Version of the webhook */
                    ETag?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_name_taken`: a webhook with this name exists */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition_failed`: the resource has changed since the client read it */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_webhook: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: {
                /**
                 * @description `ETag` of the version that the client has read. Absent or `*` accepts any version.
                 * @example "7"
                 */
                "If-Match"?: components["schemas"]["IfMatch"];
            };
            path: {
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook was deleted */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `precondition_failed`: the resource has changed since the client read it */
            412: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_deliveries: {
        parameters: {
            query?: {
                /** @description `next` of the previous page. Absent for the first page. */
                cursor?: components["schemas"]["Cursor"];
                /** @description Largest number of items of the page. */
                limit?: components["schemas"]["PageLimit"];
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page of deliveries */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Delivery"];
                };
            };
            /** @description `cursor_invalid`: the page cursor does not belong to this list; `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    redeliver: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /** @description Id of the delivery. */
                delivery: components["schemas"]["Id"];
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The delivery */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `delivery_not_found`: the webhook has no delivery with this id; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_disabled`: the webhook is disabled */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotate_webhook_secret: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SecretRotation"];
            };
        };
        responses: {
            /** @description The new secret */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookSecret"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `request_timeout`: the body of the request did not arrive in time */
            408: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the content type of the body is not supported */
            415: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted; `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    test_webhook: {
        parameters: {
            query?: {
                /** @description Project of the request. Absent: the project of the token, else the only project of the account, else `default`. */
                project?: components["parameters"]["project"];
            };
            header?: never;
            path: {
                /**
                 * @description Id or name of the webhook.
                 * @example 0190f3a4e5f67e00a1b2c3d4e5f60718
                 */
                webhook: components["schemas"]["WebhookReference"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The delivery */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Delivery"];
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_not_found`: no webhook has this id or name; `project_not_found`: no project has this name */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook_disabled`: the webhook is disabled */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    console_asset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Name of the file. It contains a hash of the content.
                 * @example index-1a2b3c4d.js
                 */
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                    "text/css": string;
                    "text/javascript": string;
                };
            };
            /** @description The client has the file */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `route_not_found`: no resource has this path */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    device_page: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page, as HTML */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page, as HTML */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    asset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name of the file. */
                file: "docs.js" | "docs.css";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/css": string;
                    "text/javascript": string;
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `route_not_found`: no resource has this path */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    guide: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description Name of the guide.
                 * @example flowctl.md
                 */
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The guide, as Markdown */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `malformed`: the request cannot be read */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `route_not_found`: no resource has this path */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the request has fields with values that are not accepted */
            422: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    livez: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process is alive */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Metrics in the OpenMetrics text format */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/openmetrics-text": string;
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    document: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description This document */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description `unauthenticated`: the request has no valid credentials; `setup_required`: the hub has no account yet */
            401: {
                headers: {
                    /** @description Authentication scheme */
                    "WWW-Authenticate"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller lacks the permission; `cross_site`: a page of another site sent the request with the session of the browser */
            403: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate_limited`: the caller sends too many requests */
            429: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `busy`: the hub has too many requests at this time; `store_unavailable`: the database does not answer; `store_full`: the disk of the hub's database is full */
            503: {
                headers: {
                    /** @description Seconds to wait before the request is repeated */
                    "Retry-After"?: string;
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The hub is ready */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description `too_large`: the request is larger than the limit */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: the hub failed internally */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The hub is not ready; the text names the cause; `busy`: the hub has too many requests at this time */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["RequestId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                    "text/plain": string;
                };
            };
        };
    };
}
