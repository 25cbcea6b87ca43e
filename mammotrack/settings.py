"""All settings, read from the environment. Defaults are production's; .env turns things off."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy

from mammotrack import embedded, env, threads

threads.limit_threads()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env.path("MAMMOTRACK_VAR_DIR", BASE_DIR / "var")

# --- Core -------------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", kept_in=VAR_DIR / "secret_key")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS")
ROOT_URLCONF = "mammotrack.urls"
WSGI_APPLICATION = "mammotrack.wsgi.application"

INSTALLED_APPS = [
    "unfold",
    "mammotrack.apps.MongoAdminConfig",
    "mammotrack.apps.MongoAuthConfig",
    "mammotrack.apps.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "mammotrack.apps.MammoTrackConfig",
    "mammotrack.api.apps.ApiConfig",
    "mammotrack.accounts.apps.AccountsConfig",
    "mammotrack.audit.apps.AuditConfig",
    "mammotrack.webhooks.apps.WebhooksConfig",
    "patients.apps.PatientsConfig",
    "scans.apps.ScansConfig",
    "analysis.apps.AnalysisConfig",
]

MIDDLEWARE = [
    "mammotrack.middleware.RequestIdMiddleware",
    "mammotrack.middleware.ClientAddressMiddleware",
    "mammotrack.accounts.middleware.KeyInAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "mammotrack.middleware.AdminContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "mammotrack.accounts.languages.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "mammotrack.audit.middleware.TraceMiddleware",
    "mammotrack.accounts.middleware.SessionLimitMiddleware",
    "mammotrack.middleware.SignInRequiredMiddleware",
    "mammotrack.accounts.middleware.TooManyAttemptsMiddleware",
    "mammotrack.accounts.middleware.SecondFactorRequiredMiddleware",
    "patients.middleware.EmergencyAccessMiddleware",
    "mammotrack.middleware.NoStoreMiddleware",
    "mammotrack.middleware.ErrorPageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mammotrack.context.site",
            ],
        },
    },
]

# --- MongoDB ----------------------------------------------------------------------------------
# Without MONGODB_URI the project runs its own private server; "manage.py serve" starts it.
MONGODB_EMBEDDED = not env.text("MONGODB_URI", default="")
DATABASES = {
    "default": {
        "ENGINE": "mammotrack.mongo",
        "HOST": env.text("MONGODB_URI", default="") or embedded.uri_for(VAR_DIR / "mongo"),
        "NAME": env.text("MONGODB_DATABASE", default="mammotrack"),
        "OPTIONS": {
            "w": "majority",
            "journal": True,
            "readConcernLevel": "majority",
            "serverSelectionTimeoutMS": 3000,
            "socketTimeoutMS": 10_000,
        },
    },
}
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
MIGRATION_MODULES = {
    "admin": "mammotrack.mongo_migrations.admin",
    "auth": "mammotrack.mongo_migrations.auth",
    "contenttypes": "mammotrack.mongo_migrations.contenttypes",
    "account": "mammotrack.mongo_migrations.account",
    "mfa": "mammotrack.mongo_migrations.mfa",
    "usersessions": "mammotrack.mongo_migrations.usersessions",
}
ALLAUTH_DEFAULT_AUTO_FIELD = DEFAULT_AUTO_FIELD

# --- Shared memory of the web processes: what counts attempts to sign in ----------------------
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.text("CACHE_URL", default=""),
    }
    if env.text("CACHE_URL", default="")
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}
# How often each caller asked: counted with every request, which a file would make wait for the
# disk. Without Redis each web process counts in its own memory, those that it answers.
CACHES["rates"] = (
    CACHES["default"]
    if env.text("CACHE_URL", default="")
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "rates",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
)

# --- Celery: the broker carries hints, the database owns the jobs ------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", default="filesystem://localhost")
if CELERY_BROKER_URL.startswith("filesystem://"):
    _messages = VAR_DIR / "broker" / "messages"
    _messages.mkdir(parents=True, exist_ok=True, mode=0o700)  # this broker does not make it
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_messages),
        "data_folder_out": str(_messages),
        "control_folder": str(VAR_DIR / "broker" / "control"),
        "store_processed": False,
        "polling_interval": 0.2,
    }
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "analysis"
CELERY_TASK_ROUTES = {"webhooks.*": {"queue": "webhooks"}}  # a slow receiver delays no analysis
CELERY_TASK_SOFT_TIME_LIMIT = 120
CELERY_TASK_TIME_LIMIT = 150
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
ANALYSIS_LEASE = timedelta(seconds=env.integer("ANALYSIS_LEASE_SECONDS", default=45))
ANALYSIS_SWEEP_SECONDS = env.integer("ANALYSIS_SWEEP_SECONDS", default=15)
RETENTION_YEARS = env.integer("RETENTION_YEARS", default=10)
AI_NEEDS_CONSENT = env.boolean("AI_NEEDS_CONSENT", default=False)
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "analysis.sweep",
        "schedule": ANALYSIS_SWEEP_SECONDS,
        "options": {"expires": ANALYSIS_SWEEP_SECONDS},
    },
    "sweep-uploads": {"task": "scans.sweep_uploads", "schedule": 3600},
    "forget-requests": {"task": "api.forget_requests", "schedule": 3600},
    "webhooks": {"task": "webhooks.deliver", "schedule": 5, "options": {"expires": 5}},
    "chain-reads": {"task": "audit.drain", "schedule": 10, "options": {"expires": 10}},
    "end-emergencies": {"task": "patients.end_emergencies", "schedule": 60},
    "anchor": {"task": "audit.anchor", "schedule": 15 * 60},
}

# --- Audit trail: what proves it lies outside the database --------------------------------------
AUDIT_DIR = env.path("MAMMOTRACK_AUDIT_DIR", VAR_DIR / "audit")
AUDIT_KEYS = env.items("AUDIT_KEYS")

# --- People -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up: the adapter is closed
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "mammotrack.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "mammotrack.accounts.forms.SignInForm"}
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reauthenticate": "10/m/user",
}
MFA_ADAPTER = "mammotrack.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "MammoTrack"
MFA_TOTP_TOLERANCE = 1
MFA_ALLOW_UNVERIFIED_EMAIL = True  # there are no addresses to verify
MFA_REQUIRED = env.boolean("MFA_REQUIRED", default=True)  # of doctors and administrators
SESSION_SERIALIZER = "mammotrack.accounts.sessions.JSONSerializer"
SESSION_COOKIE_AGE = 15 * 60
SESSION_LIMIT = timedelta(hours=12)
ADMIN_SESSION_LIMIT = timedelta(hours=1)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# --- Transport and headers --------------------------------------------------------------------
HTTPS_ONLY = env.boolean("HTTPS_ONLY", default=True)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS_ONLY
SECURE_HSTS_PRELOAD = HTTPS_ONLY
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS_ONLY  # http://localhost; never an IP address
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_NAME = "__Host-session" if HTTPS_ONLY else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS_ONLY else "csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BEHIND_TLS_PROXY = env.boolean("BEHIND_TLS_PROXY", default=False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# --- Files ------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "mammotrack.modules.ModuleFilesStorage"},
}
MEDIA_ROOT = env.path("MAMMOTRACK_STORE", VAR_DIR / "store")  # never served: pages stream from it
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_TEMP_DIR = None
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# --- Webhooks ---------------------------------------------------------------------------------
# Networks of the clinic's own that webhooks may reach; without any, the public network only.
WEBHOOK_NETWORKS = env.items("WEBHOOK_NETWORKS")

# --- Language and time ------------------------------------------------------------------------
LANGUAGE_CODE = "en"  # of what programs read, of what is stored, and of who chose none
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "mammotrack.formats"
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE = HTTPS_ONLY
LANGUAGE_COOKIE_HTTPONLY = True
USE_TZ = True
TIME_ZONE = "UTC"  # the database refuses date truncation in any other zone

# --- API --------------------------------------------------------------------------------------
API_REQUESTS_A_MINUTE = env.integer("API_REQUESTS_A_MINUTE", default=1200)  # of each caller
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "mammotrack.api.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["mammotrack.api.permissions.DenyByDefault"],
    "DEFAULT_PAGINATION_CLASS": "mammotrack.api.pagination.NewestFirstPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["mammotrack.api.throttling.CallerThrottle"],
    "EXCEPTION_HANDLER": "mammotrack.api.problems.problem_handler",
    "URL_FORMAT_OVERRIDE": None,  # Accept says which
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MammoTrack",
    "DESCRIPTION": "Patients, mammograms, comparisons and signed decisions. "
    "Machine output is a proposal; a doctor decides.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "GET_LIB_DOC_EXCLUDES": "mammotrack.api.schema.undescribed",
    "ENUM_NAME_OVERRIDES": {
        "ProposalEnum": "analysis.choices.Proposal",
        "ReadCategoryEnum": "analysis.choices.ReadCategory",
        "LateralityEnum": "patients.choices.Laterality",
        "HistoryLateralityEnum": "patients.choices.HistoryLaterality",
        "PathologyResultEnum": "patients.choices.PathologyResult",
        "VariantResultEnum": "patients.choices.VariantResult",
        "ReceptorStatusEnum": "patients.choices.ReceptorStatus",
    },
}

# --- Admin ------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "MammoTrack",
    "SITE_HEADER": "MammoTrack",
    "SITE_SYMBOL": "monitor_heart",
    "SITE_FAVICONS": [{"rel": "icon", "href": lambda request: static("favicon.svg")}],
}

# --- Logging: ids only, one line a record -----------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "mammotrack.log.RequestIdFilter"}},
    "formatters": {
        "line": {
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        },
    },
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", default="INFO")},
    "loggers": {"django.server": {"handlers": [], "propagate": False}},
}
