"""Most that `check` reads and builds of one submission, so that no submission can take its time or memory.

Beside each limit is what honest runs need. Something larger is refused, and the message names the limit.
"""

MB = 2**20

FILES = 3_000  # files and folders: three files and a folder for each of 750 runs; the largest published submission has 66 runs
MANIFEST_BYTES = 4 * MB  # 1 KB for each run
RESULTS_BYTES = MB  # published: 15 to 30 KB; the scales of 200 layers of 128 heads take 0.8 MB
SCALES = 200 * 128  # mean scales of one method, which the site draws as a picture and as a table
COMMAND_BYTES = 32_000  # published: at most 0.5 KB; a long system prompt takes some more
PACKED_BYTES = 64 * MB  # one compressed sample file; 100 samples at each of 8 lengths from 1K to 128K take about 30 MB
ALL_BYTES = 256 * MB  # all files of a submission
LINES = 1_000_000  # samples of one file
LINE_BYTES = 16 * MB  # one sample: a prompt of a million tokens takes about 4 MB, twice
REPLY_CHARS = 200  # of a reply, for each token of its budget: the longest tokens of common tokenizers are runs of 128 spaces
TOKENS = 1_000_000  # prompt tokens to build, and characters of replies to score, by default: each takes some ten seconds. Published: 0.8 M
BYTES = 256  # of sample files when decompressed, for each of TOKENS: ten methods, with a prompt of four bytes a token twice in each row
SETTING = 100  # of a task's own whole numbers, such as questions_per_record, which multiply the work of building; published: at most 10
VALUE = 10**9  # of a whole number among the settings of a task: seeds are the largest
ITEMS = 100  # of a list among the settings, such as lengths
