r"""The standard pattern set of grok: the usual names, with definitions of our own.

In Java's syntax. Each is written so that it fails quickly: what cannot be given back without breaking the
match is possessive (``++``) or atomic (``(?>…)``), which also keeps expanded patterns short for the check
that refuses explosive ones. Names and what they stand for: Logstash's documentation of grok; the fields
of whole lines (``COMBINEDAPACHELOG`` …) have the names those patterns are known for.
"""

from __future__ import annotations

from typing import Final

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
_HEX = r"[0-9A-Fa-f]{1,4}"
_MONTH = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?"
    "|Nov(?:ember)?|Dec(?:ember)?"
)
_DAY = "Mon(?:day)?|Tue(?:s(?:day)?)?|Wed(?:nesday)?|Thu(?:rs(?:day)?)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?"
_LEVEL = (
    "trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|crit(?:ical)?|alert|fatal|severe"
    "|emerg(?:ency)?|panic"
)

_BASE: dict[str, str] = {
    # words and numbers
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": "%{USERNAME}",
    "EMAILLOCALPART": r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]++)*+",
    "EMAILADDRESS": "%{EMAILLOCALPART}@%{HOSTNAME}",
    "INT": r"[+-]?[0-9]+",
    "BASE10NUM": r"(?<![0-9.+-])(?>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))",
    "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": r"(?<![0-9A-Fa-f])(?>[+-]?(?:0[xX])?[0-9A-Fa-f]+)",
    "BASE16FLOAT": (
        r"\b(?<![0-9A-Fa-f.])(?>[+-]?(?:0[xX])?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+))\b"
    ),
    "POSINT": r"\b[1-9][0-9]*+\b",
    "NONNEGINT": r"\b[0-9]++\b",
    "WORD": r"(?U:\b\w++\b)",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": ".*?",
    "GREEDYDATA": ".*",
    "QUOTEDSTRING": r"""(?>"(?:[^"\\]++|\\.)*+"|'(?:[^'\\]++|\\.)*+'|`(?:[^`\\]++|\\.)*+`)""",
    "QS": "%{QUOTEDSTRING}",
    "UUID": "[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "URN": r"urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:(?>(?:%[0-9a-fA-F]{2}|[0-9A-Za-z()+,.:=@;$_!*'/?#-])++)",
    # networks
    "MAC": "(?>%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC})",
    "CISCOMAC": r"(?:[A-Fa-f0-9]{4}\.){2}[A-Fa-f0-9]{4}",
    "WINDOWSMAC": "(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}",
    "COMMONMAC": "(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2}",
    "IPV4": rf"(?<![0-9])(?>{_OCTET}(?:\.{_OCTET}){{3}})(?![0-9])",
    "IPV6": (
        r"(?<![:.\w])(?>"
        # '::' stands once, and then for at least one group: told by looking ahead at what is there.
        rf"(?:(?:{_HEX}:){{7}}{_HEX}"
        rf"|(?=(?:{_HEX}:){{0,6}}:)(?!(?:[0-9A-Fa-f]{{0,4}}:){{8}})(?:{_HEX}(?::{_HEX}){{0,6}})?::"
        rf"(?:(?:{_HEX}:){{0,5}}{_OCTET}(?:\.{_OCTET}){{3}}|{_HEX}(?::{_HEX}){{0,6}})?"
        rf"|(?:{_HEX}:){{6}}{_OCTET}(?:\.{_OCTET}){{3}})"
        r"(?:%[0-9A-Za-z._~-]{1,64})?)(?![:\w])"
    ),
    "IP": "(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": (
        r"\b(?>[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62})(?:\.[0-9A-Za-z](?:[0-9A-Za-z_-]{0,62}))*+)(?:\.|\b)"
    ),
    "IPORHOST": "(?:%{IP}|%{HOSTNAME})",
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    # paths and addresses
    "PATH": "(?:%{UNIXPATH}|%{WINPATH})",
    "UNIXPATH": r"(?:/[\w%!$@:.,+~*#()=&;\[\]{}^-]*)+",
    "TTY": r"/dev/(?:pts|tty(?:[pq])?)(?:\w++)?/?[0-9]*+",
    "WINPATH": r"(?:[A-Za-z]:|\\\\[^\\/:*?\"<>|\s]++)(?:\\[^\\/:*?\"<>|\r\n]*)+",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+.-]*",
    "URIHOST": "%{IPORHOST}(?::%{POSINT:port})?",
    "URIPATH": r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_|-]*+)+",
    "URIQUERY": r"[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?<>\[\]-]*+",
    "URIPARAM": r"\?%{URIQUERY}",
    "URIPATHPARAM": "%{URIPATH}(?:%{URIPARAM})?",
    "URI": r"%{URIPROTO}://(?:%{USER}(?::[^@\s]*+)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?",
    # dates and times
    "MONTH": rf"\b(?i:(?>{_MONTH}))\b",
    "MONTHNUM": "(?:0[1-9]|1[0-2]|[1-9])",
    "MONTHNUM2": "(?:0[1-9]|1[0-2])",
    "MONTHDAY": "(?:0[1-9]|[12][0-9]|3[01]|[1-9])",
    "DAY": rf"\b(?i:(?>{_DAY}))\b",
    "YEAR": r"(?:[0-9]{4}|[0-9]{2})",
    "HOUR": "(?:2[0123]|[01]?[0-9])",
    "MINUTE": "[0-5][0-9]",
    "SECOND": r"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?",
    "TIME": r"(?<![0-9])%{HOUR}:%{MINUTE}(?::%{SECOND})?(?![0-9])",
    "DATE_US": "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}",
    "DATE_EU": "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
    "ISO8601_TIMEZONE": "(?:Z|[+-]%{HOUR}(?::?%{MINUTE})?)",
    "ISO8601_SECOND": "%{SECOND}",
    "ISO8601_HOUR": "(?:2[0123]|[01][0-9])",
    "TIMESTAMP_ISO8601": (
        "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?%{ISO8601_TIMEZONE}?"
    ),
    "DATE": "(?:%{DATE_US}|%{DATE_EU})",
    "DATESTAMP": "%{DATE}[- ]%{TIME}",
    "TZ": r"(?:[APMCE][SD]T|UTC|GMT|CET|CEST)",
    "DATESTAMP_RFC822": "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
    "DATESTAMP_RFC2822": "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
    "DATESTAMP_OTHER": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
    "DATESTAMP_EVENTLOG": "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    "SYSLOGTIMESTAMP": "%{MONTH} +%{MONTHDAY} %{TIME}",
    "HTTPDATE": "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
    "LOGLEVEL": rf"(?i:\b(?>{_LEVEL})\b)",
}

_SYSLOG: dict[str, str] = {
    "PROG": r"[!-Z\\^-~]+",
    "SYSLOGPROG": r"%{PROG:program}(?:\[%{POSINT:pid}\])?",
    "SYSLOGHOST": "%{IPORHOST}",
    "SYSLOGFACILITY": "<%{NONNEGINT:facility}.%{NONNEGINT:priority}>",
    "SYSLOGBASE": (
        "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:"
    ),
    "SYSLOGPAMSESSION": (
        r"%{SYSLOGBASE} (?=%{GREEDYDATA:message})%{WORD:pam_module}\(%{DATA:pam_caller}\): "
        "session %{WORD:pam_session_state} for user %{USERNAME:username}(?: by %{GREEDYDATA:pam_by})?"
    ),
    "CRON_ACTION": "[A-Z ]+",
    "CRONLOG": r"%{SYSLOGBASE} \(%{USER:user}\) %{CRON_ACTION:action} \(%{DATA:message}\)",
    "SYSLOGLINE": (
        "(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp8601}) "
        "(?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource}(?: %{SYSLOGPROG}:)? %{GREEDYDATA:message}"
    ),
    "SYSLOG5424PRI": "<%{NONNEGINT:syslog5424_pri}>",
    "SYSLOG5424PRINTASCII": "[!-~]+",
    "SYSLOG5424SD": r"(?:\[(?:[^\]\"\\]++|\\.|\"(?:[^\"\\]++|\\.)*+\")*+\])+",
    "SYSLOG5424BASE": (
        "%{SYSLOG5424PRI}%{NONNEGINT:syslog5424_ver} +(?:-|%{TIMESTAMP_ISO8601:syslog5424_ts}) +"
        "(?:-|%{IPORHOST:syslog5424_host}) +(?:-|%{SYSLOG5424PRINTASCII:syslog5424_app}) +"
        "(?:-|%{SYSLOG5424PRINTASCII:syslog5424_proc}) +(?:-|%{SYSLOG5424PRINTASCII:syslog5424_msgid}) +"
        "(?:-|%{SYSLOG5424SD:syslog5424_sd})"
    ),
    "SYSLOG5424LINE": "%{SYSLOG5424BASE}(?: +%{GREEDYDATA:syslog5424_msg})?",
}

_HTTPD: dict[str, str] = {
    "HTTPDUSER": "(?:%{EMAILADDRESS}|%{USER})",
    "HTTPDERROR_DATE": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{YEAR}",
    "HTTPD_COMMONLOG": (
        r"%{IPORHOST:clientip} (?:-|%{HTTPDUSER:ident}) (?:-|%{HTTPDUSER:auth}) \[%{HTTPDATE:timestamp}\] "
        r'"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|(?<rawrequest>[^"]*+))" '
        "(?:-|%{NUMBER:response}) (?:-|%{NUMBER:bytes})"
    ),
    "HTTPD_COMBINEDLOG": "%{HTTPD_COMMONLOG} %{QS:referrer} %{QS:agent}",
    "COMMONAPACHELOG": "%{HTTPD_COMMONLOG}",
    "COMBINEDAPACHELOG": "%{HTTPD_COMBINEDLOG}",
    "HTTPD20_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[%{LOGLEVEL:loglevel}\] (?:\[client %{IPORHOST:clientip}\] )?"
        "%{GREEDYDATA:message}"
    ),
    "HTTPD24_ERRORLOG": (
        r"\[%{HTTPDERROR_DATE:timestamp}\] \[(?:%{WORD:module})?:%{LOGLEVEL:loglevel}\] "
        r"\[pid %{POSINT:pid}(?::tid %{NUMBER:tid})?\] "
        r"(?:\(%{INT:proxy_errorcode}\)(?<proxy_message>[^:]*+): )?"
        r"(?:\[client %{IPORHOST:clientip}(?::%{POSINT:clientport})?\] )?(?:(?<errorcode>AH[0-9]++): )?"
        "%{GREEDYDATA:message}"
    ),
    "HTTPD_ERRORLOG": "(?:%{HTTPD20_ERRORLOG}|%{HTTPD24_ERRORLOG})",
}

_SERVERS: dict[str, str] = {
    "JAVACLASS": r"(?:[a-zA-Z$_][a-zA-Z$_0-9]*+\.)*[a-zA-Z$_][a-zA-Z$_0-9]*+",
    "JAVAFILE": r"[A-Za-z0-9_.$ -]+",
    "JAVAMETHOD": "(?:<(?:cl)?init>|[a-zA-Z$_][a-zA-Z$_0-9]*+)",
    "JAVASTACKTRACEPART": (
        r"\s*+at %{JAVACLASS:class}\.%{JAVAMETHOD:method}\(%{JAVAFILE:file}(?::%{INT:line})?\)"
    ),
    "JAVATHREAD": r"[A-Z]{2}-Processor[0-9]++",
    "JAVALOGMESSAGE": ".*",
    "CATALINA_DATESTAMP": "%{MONTH} %{MONTHDAY}, %{YEAR} %{HOUR}:%{MINUTE}:%{SECOND} (?:AM|PM)",
    "TOMCAT_DATESTAMP": "%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{HOUR}:%{MINUTE}:%{SECOND} %{ISO8601_TIMEZONE}",
    "CATALINALOG": r"%{CATALINA_DATESTAMP:timestamp} %{JAVACLASS:class}\s++%{JAVALOGMESSAGE:logmessage}",
    "TOMCATLOG": (
        r"%{TOMCAT_DATESTAMP:timestamp} \| %{LOGLEVEL:level} \| %{JAVACLASS:class} - "
        "%{JAVALOGMESSAGE:logmessage}"
    ),
    "RUBY_LOGLEVEL": "(?:DEBUG|INFO|WARN|ERROR|FATAL|UNKNOWN|ANY)",
    "RUBY_LOGGER": (
        r"[DFEWIUA], \[%{TIMESTAMP_ISO8601:timestamp} #%{POSINT:pid}\] {1,2}%{RUBY_LOGLEVEL:loglevel} "
        "-- (?:%{NOTSPACE:progname})?: %{GREEDYDATA:message}"
    ),
    "REDISTIMESTAMP": "%{MONTHDAY} %{MONTH} (?:%{YEAR} )?%{TIME}",
    "REDISLOG": r"\[%{POSINT:pid}\] %{REDISTIMESTAMP:timestamp} [.*#-] %{GREEDYDATA:message}",
    "POSTGRESQL": (
        "%{DATESTAMP:timestamp} %{TZ} %{NOTSPACE:user_id} %{NOTSPACE:connection_id} %{POSINT:pid}"
    ),
    "MONGO_LOG": r"%{SYSLOGTIMESTAMP:timestamp} \[%{WORD:component}\] %{GREEDYDATA:message}",
    "MONGO3_SEVERITY": "[A-Z]",
    "MONGO3_COMPONENT": "(?:[A-Z]+|-)",
    "MONGO3_LOG": (
        r"%{TIMESTAMP_ISO8601:timestamp} %{MONGO3_SEVERITY:severity} %{MONGO3_COMPONENT:component} +"
        r"(?:\[(?<context>[^\]]*+)\] )?%{GREEDYDATA:message}"
    ),
    "HAPROXYDATE": "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME}",
    "HAPROXYTCP": (
        r"%{IP:client_ip}:%{INT:client_port} \[%{HAPROXYDATE:accept_date}\] %{NOTSPACE:frontend_name} "
        r"%{USERNAME:backend_name}/(?<server_name><NOSRV>|[a-zA-Z0-9._-]++) "
        r"%{INT:time_queue}/%{INT:time_backend_connect}/%{NOTSPACE:time_duration} %{NOTSPACE:bytes_read} "
        "%{NOTSPACE:termination_state} %{INT:actconn}/%{INT:feconn}/%{INT:beconn}/%{INT:srvconn}/"
        "%{NOTSPACE:retries} "
        "%{INT:srv_queue}/%{INT:backend_queue}"
    ),
    "HAPROXYHTTP": (
        r"%{IP:client_ip}:%{INT:client_port} \[%{HAPROXYDATE:accept_date}\] %{NOTSPACE:frontend_name} "
        r"%{USERNAME:backend_name}/(?<server_name><NOSRV>|[a-zA-Z0-9._-]++) "
        r"%{INT:time_request}/%{INT:time_queue}/%{INT:time_backend_connect}/%{INT:time_backend_response}/"
        r"(?<time_duration>\+?[0-9]++) %{INT:http_status_code} (?<bytes_read>\+?[0-9]++) "
        r"(?<captured_request_cookie>[^ ]++) (?<captured_response_cookie>[^ ]++) "
        "%{NOTSPACE:termination_state} "
        r"%{INT:actconn}/%{INT:feconn}/%{INT:beconn}/%{INT:srvconn}/(?<retries>\+?[0-9]++) "
        r"%{INT:srv_queue}/%{INT:backend_queue} "
        r"(?:\{(?<captured_request_headers>[^}]*+)\} )?(?:\{(?<captured_response_headers>[^}]*+)\} )?"
        r'"(?:<BADREQ>|%{WORD:http_verb} (?<http_request>[^ "]++)(?: HTTP/%{NUMBER:http_version})?)?"?'
    ),
}

STANDARD: Final = {**_BASE, **_SYSLOG, **_HTTPD, **_SERVERS}
"""The definitions by name."""
TIMESTAMP_FORMATS: Final = {
    "HTTPDATE": "CLF",
    "SYSLOGTIMESTAMP": "SYSLOG",
    "TIMESTAMP_ISO8601": "ISO8601",
    "HAPROXYDATE": "dd/MMM/yyyy:HH:mm:ss.SSS",
    "HTTPDERROR_DATE": "EEE MMM dd HH:mm:ss yyyy",
    "DATESTAMP_RFC2822": "EEE, dd MMM yyyy HH:mm:ss Z",
    "DATESTAMP_EVENTLOG": "yyyyMMddHHmmss",
    "TOMCAT_DATESTAMP": "yyyy-MM-dd HH:mm:ss,SSS Z",
}
"""The format of a timestamp captured by a pattern, where the capture gives none."""
